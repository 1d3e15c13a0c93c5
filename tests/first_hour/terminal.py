"""A user at a terminal of 100 columns, and the same user with a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 100
NOCTURNE = Path(sys.executable).with_name("nocturne")
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\].*?(\x07|\x1b\\))")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, its status and its wall time."""

    status: int
    raw: str
    """Standard output and error of a terminal; of a pipe, standard output alone."""
    errors: str
    seconds: float

    @property
    def text(self) -> str:
        """The output without colours."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the variables of a user who has set none of ours."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NOCTURNE_", "_NOCTURNE")) or name == "NOCTURNE_CACHE"
    }
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTEST_CURRENT_TEST"):
        own.pop(name, None)
    return {**own, "TERM": "xterm-256color", "HOME": str(folder), **more}


def piped(words: list[str], folder: Path, timeout: float = 110, **variables: str) -> Said:
    """Run `nocturne` with its output in a pipe."""
    started = time.monotonic()
    done = subprocess.run(
        [str(NOCTURNE), *words],
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
    )
    return Said(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def at_terminal(words: list[str], folder: Path, typed: str = "", **variables: str) -> Said:
    """Run `nocturne` at a terminal of 100 columns, where this is typed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    started = time.monotonic()
    process = subprocess.Popen(
        [str(NOCTURNE), *words],
        cwd=folder,
        env=environment(folder, **variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    parts = []
    os.write(ours, typed.encode())
    try:
        while part := _read(ours):
            parts.append(part)
        status = process.wait(timeout=110)
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
    text = b"".join(parts).decode(errors="replace")
    return Said(status, text, text, time.monotonic() - started)


def _read(handle: int) -> bytes:
    """Read what is there; Linux says EIO once the other side has closed."""
    try:
        return os.read(handle, 65_536)
    except OSError:
        return b""
