"""Vendor the chart libraries of `web/` from npm, and check that they are what the lock says.

    python scripts/vendor_web.py            # check every file against web/vendor/vendor.lock
    python scripts/vendor_web.py --update   # fetch the locked versions again (needs npm)

To upgrade a library, change its version in the lock and run with `--update`. The lock holds for
each file its SHA-256, and for each package its license and npm's own integrity hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "web" / "vendor"
LOCK = "vendor.lock"


def read_lock(folder: Path) -> dict[str, Any]:
    """Return the lock: one entry per package."""
    lock: dict[str, Any] = json.loads((folder / LOCK).read_text(encoding="utf-8"))
    return lock


def faults(folder: Path = FOLDER) -> list[str]:
    """Return one sentence for each file that is missing, changed, or not in the lock."""
    found = []
    locked = {}
    for name, package in read_lock(folder).items():
        for file in package["files"]:
            locked[folder / name / file["file"]] = file["sha256"]
    for path, wanted in locked.items():
        if not path.is_file():
            found.append(f"{path} is missing: run scripts/vendor_web.py --update")
        elif (actual := hashlib.sha256(path.read_bytes()).hexdigest()) != wanted:
            found.append(f"{path} has SHA-256 {actual}, the lock says {wanted}")
    others = {path for path in folder.rglob("*") if path.is_file()} - set(locked)
    found += [f"{path} is not in {LOCK}" for path in sorted(others - {folder / LOCK})]
    return found


def update(folder: Path = FOLDER) -> None:
    """Fetch each locked version from npm, copy its files, and write their hashes."""
    lock = read_lock(folder)
    for name, package in lock.items():
        with tempfile.TemporaryDirectory() as scratch:
            archive = packed(f"{name}@{package['version']}", Path(scratch))
            digest = hashlib.sha512(archive.read_bytes()).digest()
            package["integrity"] = f"sha512-{base64.b64encode(digest).decode()}"
            with tarfile.open(archive) as tar:
                for file in package["files"]:
                    file["sha256"] = copied(tar, file["from"], folder / name / file["file"])
    text = json.dumps(lock, indent=2, ensure_ascii=False) + "\n"
    (folder / LOCK).write_text(text, encoding="utf-8")


def packed(specifier: str, scratch: Path) -> Path:
    """Let npm fetch one package, and return its archive."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), specifier]
    subprocess.run(command, check=True, timeout=120)
    (archive,) = scratch.glob("*.tgz")
    return archive


def copied(tar: tarfile.TarFile, member: str, target: Path) -> str:
    """Copy one member of the archive and return its SHA-256."""
    source = tar.extractfile(f"package/{member}")
    if source is None:
        raise SystemExit(f"the archive has no file {member}")
    content = source.read()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Check the vendored files; with --update fetch them first."""
    if sys.argv[1:] == ["--update"]:
        update()
    elif sys.argv[1:]:
        raise SystemExit(__doc__)
    wrong = faults()
    if wrong:
        raise SystemExit("\n".join(wrong))
    print(f"{FOLDER}: every file is as {LOCK} says")


if __name__ == "__main__":
    main()
