#!/usr/bin/env bash
# The cost of building on this crate and on teloxide, with its webhook on axum: the number of crates, the user CPU
# seconds of a cold build, as a library in debug and as the same bot in release, and the size of the bot's
# program. Measures all in one run, and prints one Markdown table.
#
# Usage: bash benches/compare/weight.sh [NAME…]
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
bots="$here/benches/compare/weight"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=("$@")

# A line of the file with the versions.
dependency() { grep "^$1 = " "$bots/dependencies.toml"; }

tokio=$(dependency tokio)
ours="tower-telegram = { path = \"$here\" }"
bare="tower-telegram = { path = \"$here\", default-features = false }"
with_axum="tower-telegram = { path = \"$here\", default-features = false, features = [\"axum\"] }"
http2="tower-telegram = { path = \"$here\", features = [\"http2\"] }"
axum=$(dependency axum)
teloxide=$(dependency teloxide)

# Of what the folder's project builds, without the project itself.
crates() { (cd "$1" && cargo tree -e normal --prefix none | sed 's/ (\*)$//' | sort -u | tail -n +2 | wc -l); }

# The profile with which a bot's author gets a smaller program.
small='[profile.release]
codegen-units = 1
lto = "thin"
opt-level = "s"'

measure() { # name, profile, source, lines after [dependencies]
  local name=$1 profile=$2 source=$3 folder="$work/measured" seconds size=''
  shift 3
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
  rm -rf "$folder"
  cargo new --quiet --vcs none --name measured "--$([ "$source" ] && echo bin || echo lib)" "$folder"
  printf '%s\n' "$@" >>"$folder/Cargo.toml"
  [ -z "$source" ] || cp "$bots/$source" "$folder/src/main.rs"
  (cd "$folder" && cargo fetch --quiet)
  local TIMEFORMAT=%U
  seconds=$(cd "$folder" && { time CARGO_TARGET_DIR="$folder/target" cargo build --quiet --profile "$profile" >&2 2>"$work/log"; } 2>&1) ||
    { cat "$work/log" >&2; return 1; }
  if [ "$source" ]; then
    strip "$folder/target/$profile/measured"
    size=$(($(stat -c %s "$folder/target/$profile/measured") / 1024))
  fi
  printf '| %s | %s | %s | %s |\n' "$name" "$(crates "$folder")" "$seconds" "$size"
}

printf '| what | crates | user CPU, s | stripped, KiB |\n|---|---|---|---|\n'
measure ours dev '' "$bare"
measure ours-axum dev '' "$with_axum" "$axum"
measure teloxide dev '' "$teloxide"
measure ours-bot release ours.rs "$ours" "$axum" "$tokio"
measure teloxide-bot release teloxide.rs "$teloxide" "$tokio"
measure ours-bot-http2 release ours.rs "$http2" "$axum" "$tokio"
measure ours-bot-small release ours.rs "$ours" "$axum" "$tokio" "$small"
measure teloxide-bot-small release teloxide.rs "$teloxide" "$tokio" "$small"
