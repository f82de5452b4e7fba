#!/usr/bin/env bash
# The browser tests need Chromium: install it where that is possible, else say what to install.
set -euo pipefail

command -v chromium >/dev/null && exit 0
command -v chromium-browser >/dev/null && exit 0
command -v google-chrome >/dev/null && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium for the browser tests"
  log=$(mktemp)
  if { apt-get -q update && DEBIAN_FRONTEND=noninteractive \
      apt-get -q install -y --no-install-recommends chromium; } >"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  echo "Chromium could not be installed: $(tail -1 "$log")" >&2
  exit 1
fi
echo "The browser tests need Chromium: install the package chromium and try again." >&2
exit 1
