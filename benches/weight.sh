#!/usr/bin/env bash
# What building on us costs, beside teloxide with its webhook on axum: user CPU seconds of a cold
# `cargo build`, and the number of crates, side by side in one run. Prints one Markdown table.
#
# Usage: bash benches/weight.sh
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

project() { # name, dependency line
  cargo new --quiet --lib --vcs none --name "$1" "$work/$1"
  printf '%s\n' "$2" >>"$work/$1/Cargo.toml"
  (cd "$work/$1" && cargo fetch --quiet)
}

crates() { (cd "$work/$1" && cargo tree -e normal --prefix none | sed 's/ (\*)$//' | sort -u | tail -n +2 | wc -l); }

build() { # name -> user CPU seconds
  local TIMEFORMAT=%U
  (cd "$work/$1" && { time CARGO_TARGET_DIR="$work/$1/target" cargo build --quiet 2>/dev/null; } 2>&1)
}

project ours "tower-telegram = { path = \"$here\", default-features = false }"
project ours-axum "tower-telegram = { path = \"$here\", default-features = false, features = [\"axum\"] }
axum = \"0.8\""
project teloxide 'teloxide = { version = "0.17", features = ["webhooks-axum"] }'

theirs=$(build teloxide)
printf '| what | crates | user CPU, s | ratio |\n|---|---|---|---|\n'
for name in ours ours-axum teloxide; do
  seconds=$theirs
  [ "$name" = teloxide ] || seconds=$(build "$name")
  ratio=$(awk -v a="$seconds" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')
  printf '| %s | %s | %s | %s |\n' "$name" "$(crates "$name")" "$seconds" "$ratio"
done
