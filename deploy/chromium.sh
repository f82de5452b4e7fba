#!/usr/bin/env bash
# The browser tests need Chromium: install it where that is possible, else say what to install.
# Debian's shell without a window takes about half the processor time of the whole browser.
set -euo pipefail

HEADLESS=chromium-headless-shell
WHOLE=(chromium chromium-browser google-chrome)

command -v "$HEADLESS" >/dev/null && exit 0
found=$(command -v "${WHOLE[@]}" | head -1) || true

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  [ -n "$found" ] && exit 0
  echo "The browser tests need Chromium: install the package $HEADLESS or chromium and try again." >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1
}

if [ -n "$found" ]; then
  # The whole one will do. No lists are fetched for the other's sake.
  apt install -y --no-install-recommends "$HEADLESS" || true
  exit 0
fi
echo "Installing Chromium for the browser tests"
apt update || true
for package in "$HEADLESS" chromium; do
  apt install -y --no-install-recommends "$package" && exit 0
done
echo "Chromium could not be installed: $(tail -1 "$log")" >&2
exit 1
