"""Editing of the line: completion with Tab, and history in the user's state folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import readline
except ImportError:  # an interpreter without it still reads lines
    readline = None  # type: ignore[assignment]

_HISTORY_LINES = 2000
_DELIMITERS = " \t\n,()[]{}=<>+-*/%!|:;'\""


def history_file() -> Path:
    """Return ``sql_history`` in the user's state folder."""
    base = os.environ.get("XDG_STATE_HOME")
    folder = Path(base) if base else Path.home() / ".local" / "state"
    return folder / "nocturne" / "sql_history"


@contextmanager
def line_editing(complete: Callable[[str, str], list[str]]) -> Iterator[None]:
    """Complete with ``complete(before, word)`` and keep the history while the block runs."""
    if readline is None:
        yield
        return
    found: list[str] = []

    def completer(word: str, state: int) -> str | None:
        if state == 0:
            found[:] = complete(readline.get_line_buffer()[: readline.get_begidx()], word)
        return found[state] if state < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims(_DELIMITERS)
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    path = history_file()
    # A folder that cannot be written costs the history, not the shell.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        readline.read_history_file(path)
    try:
        yield
    finally:
        readline.set_history_length(_HISTORY_LINES)
        with suppress(OSError):
            readline.write_history_file(path)
