#!/usr/bin/env bash
# Runs bots on other libraries against the Telegram server of the test kit, each by webhook and by polling, and
# fails if one doesn't answer. `testbots/run.sh [NAME…]`, with names such as `ptb-webhook`.
#
# Their libraries are installed into a cache folder outside of the repository, once for each change of the
# pinned versions next to this file.
set -euo pipefail
cd "$(dirname "$0")"

cache="${TESTBOTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tower-telegram/testbots}"

# Installs into a folder named after the versions, so that an interrupted or outdated installation isn't used.
install() {
  local name=$1 folder=$2
  shift 2
  [ -e "$folder/.installed" ] && return
  printf 'installing %s\n' "$name"
  rm -rf "$folder"
  mkdir -p "$folder"
  "$@" "$folder"
  touch "$folder/.installed"
}

install_python() {
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --requirement requirements.txt
}

install_node() {
  cp package.json package-lock.json "$1"
  (cd "$1" && npm ci --silent --no-audit --no-fund --ignore-scripts)
}

if ! python3 -m venv --help >/dev/null 2>&1; then apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; fi
if ! command -v npm >/dev/null; then apt-get update -qq && apt-get install -y -qq nodejs npm >/dev/null; fi

python="$cache/python-$(sha256sum requirements.txt | cut -c1-16)"
export NODE_PACKAGES="$cache/node-$(sha256sum package-lock.json | cut -c1-16)"
install 'packages for Python' "$python" install_python
install 'packages for Node' "$NODE_PACKAGES" install_node

# Built beforehand, so that no bot's time goes into it. `TELEGRAM_TEST_SERVER` names one that is built already.
telegram="${TELEGRAM_TEST_SERVER:-}"
[ -n "$telegram" ] || telegram=$(cargo build --quiet --package tower-telegram-test --bin telegram-test-server --message-format json |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)

run() {
  local name=$1 log
  shift
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
  log=$(mktemp)
  if "$telegram" --timeout 30 --script conversation.txt -- "$@" >"$log" 2>&1; then
    printf 'ok      %s\n' "$name"
  else
    printf 'FAILED  %s\n' "$name"
    sed 's/^/        /' "$log"
    failed=1
  fi
  rm -f "$log"
}

wanted=("$@")
failed=0
for way in webhook polling; do
  run "aiogram-$way" "$python/bin/python" bot_aiogram.py "$way"
  run "ptb-$way" "$python/bin/python" bot_ptb.py "$way"
  run "grammy-$way" node bot_grammy.mjs "$way"
done
exit "$failed"
