"""The files of releases by their hash: equal content is on the disk once.

``root/objects/ab/ab12…`` holds each content; a release's folder has a hard link to it, so that
readers see ordinary files. Where a file system has no hard links, the folder holds a copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from lake.files import make_folder, sha256_bytes, sha256_file, sync_folder, write_bytes

OBJECTS = "objects"


def object_path(root: Path, sha256: str) -> Path:
    """Return where a content is kept."""
    return root / OBJECTS / sha256[:2] / sha256


def keep(root: Path, data: bytes) -> Path:
    """Store a content unless it is there already, undamaged; return its file."""
    path = object_path(root, sha256_bytes(data))
    if not (path.is_file() and sha256_file(path) == path.name):
        write_bytes(path, data)
    return path


def link(source: Path, target: Path) -> None:
    """Make ``target``, which must not exist, another name of ``source``; a copy if need be."""
    make_folder(target.parent)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(target.parent)


def drop_unused(root: Path, used: Collection[str], *, dry_run: bool = False) -> tuple[int, int]:
    """Remove the objects that no manifest lists; return their number and bytes."""
    count = size = 0
    for path in sorted((root / OBJECTS).glob("??/*")):
        if path.name not in used:
            count, size = count + 1, size + path.stat().st_size
            if not dry_run:
                path.unlink()
    return count, size
