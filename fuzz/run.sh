#!/usr/bin/env bash
# Runs each fuzz target, or the named ones, for a number of seconds, or for a number of inputs that are the
# same in each run:
#   fuzz/run.sh SECONDS [TARGET]...
#   fuzz/run.sh INPUTSx [TARGET]...
# Any toolchain works, because no sanitizer is used: the crate has no unsafe code, and the targets search for
# wrong results. New inputs are kept in fuzz/corpus, failing ones in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

case $1 in
  *x) limit=(-seed=1 -runs="${1%x}") ;;
  *) limit=(-max_total_time="$1") ;;
esac
shift
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz
[ $# -gt 0 ] || set -- $(cargo fuzz list)

cargo fuzz build --sanitizer none
for target in "$@"; do
  printf '\n== %s\n' "$target"
  case $target in
    head) kin=update ;;
    *) kin=$target ;;
  esac
  # The first folder is where new inputs go.
  mkdir -p "fuzz/corpus/$target"
  folders=("fuzz/corpus/$target")
  for seeds in "fuzz/seeds/$target" "fuzz/seeds/$kin"; do
    [ ! -d "$seeds" ] || folders+=("$seeds")
  done
  options=("${limit[@]}" -max_len=16384 -timeout=10 -print_final_stats=1)
  dictionary="fuzz/dictionaries/$kin.dict"
  [ ! -e "$dictionary" ] || options+=(-dict="$dictionary")
  cargo fuzz run --sanitizer none "$target" "${folders[@]}" -- "${options[@]}"
done
