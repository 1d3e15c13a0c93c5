#!/usr/bin/env bash
# Install Chromium for the tests that open the report in a browser; without it they are skipped.
set -euo pipefail
command -v chromium >/dev/null || command -v google-chrome >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing chromium (once)"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null && exit 0
fi
echo "warning: no Chromium; the tests of the report in a browser are skipped (Debian: apt-get install chromium)" >&2
