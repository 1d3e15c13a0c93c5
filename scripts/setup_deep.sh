#!/usr/bin/env bash
# Make .venv-deep: the extra `deep` of pyproject.toml (PyTorch takes gigabytes, so it is never in
# .venv), with the packages of .venv beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv-deep/.installed
want=$({ cat scripts/setup_deep.sh; grep '^deep' pyproject.toml; } | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && exit 0

echo "installing the extra deep into .venv-deep (once, a few minutes)"
mapfile -t packages < <(.venv/bin/python - <<'PYTHON'
import tomllib
with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["optional-dependencies"]["deep"]))
PYTHON
)
.venv/bin/python -m venv .venv-deep
for site in .venv-deep/lib/python3.*/site-packages; do
    .venv/bin/python -c 'import site; print(site.getsitepackages()[0])' >"$site/nocturne.pth"
done
.venv-deep/bin/python -m pip install --quiet --disable-pip-version-check --no-compile "${packages[@]}"
echo "$want" >"$stamp"
