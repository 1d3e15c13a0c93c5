#!/usr/bin/env bash
# Make .venv from a lock file. Usage: scripts/setup.sh requirements.lock
# It does nothing unless the lock, the project file or the Python changed. The developers' lock
# contains the users' packages at the same versions, so installing it installs both.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 14)))' || {
    echo "error: $python is $("$python" -V 2>&1), Nocturne needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/python3.11" >&2
    exit 2
}
state_of() { { cat "$1" pyproject.toml scripts/setup.sh; "$python" -V; } | sha256sum | cut -d' ' -f1; }
stamp_of() { echo ".venv/.$(basename "$1").installed"; }
[ "$(cat "$(stamp_of "$lock")" 2>/dev/null || true)" = "$(state_of "$lock")" ] && exit 0

echo "installing $(grep -c == "$lock") packages into .venv (once, about a minute)"
if ! "$python" -m venv .venv 2>.venv-error; then
    cat .venv-error >&2 && rm -f .venv-error
    echo "error: could not make .venv; on Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 2
fi
rm -f .venv-error
# uv installs several times faster; pip alone is enough where it cannot run.
if .venv/bin/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null &&
    .venv/bin/uv pip install --quiet --no-deps --python .venv/bin/python -r "$lock" --editable .; then
    :
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r "$lock" --editable .
fi
# Compile once here, on all cores, instead of in each of the first processes; the packages' own
# tests and rarely imported packages are left out.
.venv/bin/python -m compileall -qq -j 0 -x '/(tests?|pip|setuptools|matplotlib|fontTools)/' \
    .venv/lib/python3.*/site-packages || true
# LightGBM needs the OpenMP runtime of the system, which a bare image lacks.
if ! .venv/bin/python -c 'import lightgbm' 2>/dev/null; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        apt-get update -qq && apt-get install -y -qq libgomp1 >/dev/null
    fi
    .venv/bin/python -c 'import lightgbm' || {
        echo "error: LightGBM cannot load; install the OpenMP runtime (Debian: apt-get install libgomp1) and run again" >&2
        exit 2
    }
fi
# Prefect needs 10 s to make its database; a template saves every later server that time.
.venv/bin/python -m flows.hosting.local prepare
state_of "$lock" >"$(stamp_of "$lock")"
if [ "$lock" = requirements-dev.lock ]; then
    state_of requirements.lock >"$(stamp_of requirements.lock)"
fi
