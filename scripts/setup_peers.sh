#!/usr/bin/env bash
# Make .venv-peers, the interpreter of the benchmarks' peers: the extras `bench` and `bench-bare`
# of pyproject.toml, the second without its dependencies. Without a package index the benchmarks
# run without peers.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv-peers/.installed
want=$({ cat scripts/setup_peers.sh; grep '^bench' pyproject.toml; } | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0

echo "installing the benchmarks' peers into .venv-peers (once, a few minutes)"
packages() {
    .venv/bin/python - "$1" <<'PYTHON'
import sys, tomllib
with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["optional-dependencies"][sys.argv[1]]))
PYTHON
}
mapfile -t whole < <(packages bench)
mapfile -t bare < <(packages bench-bare)
.venv/bin/python -m venv .venv-peers
install=(.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check)
if "${install[@]}" "${whole[@]}" && "${install[@]}" --no-deps "${bare[@]}"; then
    echo "$want" >"$stamp"
else
    echo "warning: the peers could not be installed; the benchmarks run without them" >&2
fi
