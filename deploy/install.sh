#!/usr/bin/env bash
# Bring .venv in line with a lock file: `run` is what serves, `dev` adds what checks and tests.
# Quiet when nothing is to do: the stamps in .venv hold the sums of the locks it was made from.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "$1" >&2
  exit 1
}

new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Built as distributions build it; pyenv's default takes a tenth more of the processor.
optimized() {
  "$1" -c '
import sys, sysconfig, venv, ensurepip
built = sysconfig.get_config_var("CONFIG_ARGS") or ""
sys.exit(sys.base_prefix != "/usr" and "--enable-optimizations" not in built)' 2>/dev/null
}

# Print PYTHON where it is given; else the first that is found, an optimized one before others.
find_python() {
  local path first=
  if [ -n "${PYTHON:-}" ]; then
    command -v "$PYTHON" >/dev/null && new_enough "$PYTHON" ||
      fail "PYTHON is $PYTHON, which is no Python 3.11 or later."
    command -v "$PYTHON"
    return
  fi
  while read -r path; do
    new_enough "$path" || continue
    if optimized "$path"; then
      echo "$path"
      return
    fi
    first=${first:-$path}
  done < <(type -aP python3.11 python3.12 python3.13 python3 python || true)
  [ -n "$first" ] ||
    fail "Python 3.11 or later is needed and was not found: install it, or set PYTHON to its path."
  echo "$first"
}

make_venv() {
  local python version
  python=$(find_python)
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      echo "Installing python$version-venv"
      { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
          apt-get -qq install -y --no-install-recommends "python$version-venv"; } >/dev/null 2>&1 ||
        fail "Python's venv module is missing and apt-get could not install python$version-venv."
    else
      fail "Python's venv module is missing: install the package python$version-venv and try again."
    fi
  fi
  echo "Making .venv with Python $("$python" -c 'import platform; print(platform.python_version())')"
  "$python" -m venv --clear .venv
}

install_lock() {
  local lock=$1 total
  total=$(grep -c '^[A-Za-z0-9]' "$lock")
  echo "Installing $total packages from $lock (a few minutes the first time)"
  .venv/bin/python -m pip install --disable-pip-version-check --no-input \
    --require-hashes --requirement "$lock" --progress-bar off 2>.venv/install-errors.log |
    awk -v total="$total" -v live="$([ -t 1 ] && echo 1)" '
      /^(Collecting|Requirement already satisfied)/ { n++; step = int(total / 10) + 1
        if (live) printf "\r  %d of %d", n, total
        else if (n % step == 0) print "  " n " of " total
        fflush() }
      END { if (live) printf "\r\033[K" }' ||
    fail "Installing packages failed: $(grep -v '^$' .venv/install-errors.log | tail -1)"
}

sum() {
  cksum <"$1"
}

lock=requirements.lock
[ "$1" = dev ] && lock=requirements-dev.lock
stamp=.venv/installed-$1

if [ ! -x .venv/bin/python ] || ! new_enough .venv/bin/python; then
  make_venv
fi
if [ "$(cat "$stamp" 2>/dev/null)" != "$(sum "$lock")" ]; then
  install_lock "$lock"
  sum "$lock" >"$stamp"
  # The development lock holds everything that serves, in the same versions.
  [ "$1" = dev ] && sum requirements.lock >.venv/installed-run
fi
exit 0
