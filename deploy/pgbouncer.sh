#!/usr/bin/env bash
# The tests of pooled connections need PgBouncer: install it where that is possible, else leave it to
# the test to say what to install.
set -euo pipefail

[ -x /usr/sbin/pgbouncer ] && exit 0
command -v pgbouncer >/dev/null && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing PgBouncer for the tests of pooled connections"
  log=$(mktemp)
  # RUNLEVEL=1: the package's own service is not started.
  if { apt-get -q update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
      apt-get -q install -y --no-install-recommends pgbouncer; } >"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  echo "PgBouncer could not be installed: $(tail -1 "$log")" >&2
fi
exit 0
