"""Atomic, durable file writes, and locks between processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trading.errors import DataError

_TEMPORARY = ".tmp"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


def local_path(path: Path | str) -> Path:
    """Return ``path``; `DataError` for the address of an object store, such as ``s3://bucket``."""
    parts = Path(path).parts
    scheme = next((n for n, part in enumerate(parts) if _SCHEME.fullmatch(part)), None)
    if scheme is None:
        return Path(path)
    address = f"{parts[scheme]}//{'/'.join(parts[scheme + 1 :])}"
    raise DataError(
        f"{address} is an object store, which is not supported yet; give a folder of this machine"
    )


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_empty_folder(folder: Path) -> bool:
    """Tell whether ``folder`` is there and no file is in it."""
    return folder.is_dir() and not any(path.is_file() for path in folder.rglob("*"))


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable; until then, a rename is not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file in the same folder, then rename it to ``path``, durably.

    A reader sees the old file or the new one. Of two writers, the last to rename wins. The next
    writer removes what a killed one left behind; an exception in ``write`` leaves nothing.
    """
    make_folder(path.parent)
    remove_leftovers(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}{_TEMPORARY}")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """`write_atomically` for bytes in memory."""
    write_atomically(path, lambda temporary: _write(temporary, data))


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def remove_leftovers(folder: Path, name: str) -> None:
    """Remove temporary files of ``name`` whose writer is dead; a living writer's file stays."""
    for leftover in folder.glob(f".{name}.*{_TEMPORARY}"):
        writer = leftover.name.removeprefix(f".{name}.").split("-", 1)[0]
        if not writer.isdigit() or not _alive(int(writer)):
            leftover.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def exclusive(path: Path, doing: str, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel releases it however the process dies.

    Raises `DataError` if another process is still ``doing`` its work after ``timeout_s``.
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + timeout_s
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise DataError(
                    f"another process has been {doing} for {timeout_s:.0f} s; wait for it or end it"
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
