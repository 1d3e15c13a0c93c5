#!/usr/bin/env bash
# Install systemd-analyze, with which the tests check the units; without it those tests are skipped.
# The units name /bin/kill (procps).
set -euo pipefail
command -v systemd-analyze >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing systemd (once)"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd procps >/dev/null && exit 0
fi
echo "warning: no systemd-analyze; the tests of the units are skipped (Debian: apt-get install systemd)" >&2
