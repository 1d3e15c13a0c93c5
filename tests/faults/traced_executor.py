"""The executor as a process that ends itself by SIGKILL inside one window of an order's life.

The windows: *commit* (the intent into the ledger), *send* (from there to the request), *answer*
(the request is out), *fill* (a trade is applied), *stop* (from a stop's request to its proof by a
listing). Each entrance and exit is written to the trace at once, so that the trace of a killed
process says in which windows it died.
"""

from __future__ import annotations

import functools
import inspect
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from executor.execution.fills import FillRecorder
from executor.execution.order_manager import OrderManager
from executor.ledger.postgres import PostgresConnection
from executor.ledger.sqlite import SqliteConnection
from executor.ledger.store import Ledger
from executor.main import run
from executor.protection.stop_manager import StopManager
from executor.venues.binance.client import BinanceClient

WINDOWS = ("commit", "send", "answer", "fill", "stop")
LONGEST_S = {"commit": 0.0, "send": 0.0, "answer": 0.012, "fill": 0.0, "stop": 0.05}
"""How long after its entrance a window is hit at most; 0 means at a place inside it."""


class Trace:
    """Writes windows as they open and close, and ends the process in the chosen one."""

    def __init__(self, file: Path, window: str, seed: int) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._window = window
        rng = random.Random(seed)
        self._visits = rng.randint(1, 3)
        """Entrances until the kill."""
        self._places = rng.randint(0, 3)
        """Places passed inside the window until the kill."""
        self._delay_s = rng.uniform(0, LONGEST_S[window])
        self._armed = False

    def enter(self, window: str) -> None:
        """A window opens."""
        self._write(f"+{window}")
        if window != self._window:
            return
        self._visits -= 1
        if self._visits != 0:
            return
        if self._delay_s:
            threading.Timer(self._delay_s, _end).start()
        else:
            self._armed = True
            self.place()

    def place(self) -> None:
        """A place inside a window at which the process may end."""
        if self._armed and self._places == 0:
            _end()
        self._places -= self._armed

    def leave(self, window: str) -> None:
        """A window closes; a kill inside it happens now at the latest."""
        if self._armed and window == self._window:
            _end()
        self._write(f"-{window}")

    def _write(self, text: str) -> None:
        os.write(self._file, f"{text}\n".encode())


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def open_windows(trace: Path) -> set[str]:
    """The windows that a trace leaves open."""
    found: dict[str, int] = {}
    for line in trace.read_text().split() if trace.exists() else ():
        found[line[1:]] = found.get(line[1:], 0) + (1 if line[0] == "+" else -1)
    return {window for window, depth in found.items() if depth > 0}


def _within(trace: Trace, window: str, owner: type, name: str, when: Callable[..., bool]) -> None:
    """Make a method a window, in the calls that ``when`` accepts."""
    method = getattr(owner, name)

    @functools.wraps(method)
    async def traced_async(*arguments: Any, **named: Any) -> Any:
        if not when(*arguments, **named):
            return await method(*arguments, **named)
        trace.enter(window)
        try:
            return await method(*arguments, **named)
        finally:
            trace.leave(window)

    @functools.wraps(method)
    def traced(*arguments: Any, **named: Any) -> Any:
        if not when(*arguments, **named):
            return method(*arguments, **named)
        trace.enter(window)
        try:
            return method(*arguments, **named)
        finally:
            trace.leave(window)

    setattr(owner, name, traced_async if inspect.iscoroutinefunction(method) else traced)


def _around(trace: Trace, owner: type, name: str) -> None:
    """Make the two sides of a call places."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def traced(*arguments: Any, **named: Any) -> Any:
        trace.place()
        try:
            return method(*arguments, **named)
        finally:
            trace.place()

    setattr(owner, name, traced)


def install(trace: Trace) -> None:
    """Trace this process's executor."""
    _within(trace, "commit", Ledger, "add_intent", lambda *_, **__: True)
    _within(trace, "send", Ledger, "note_sent", lambda *_, **__: True)
    _within(trace, "answer", BinanceClient, "place", lambda *_, **__: True)
    _within(trace, "fill", FillRecorder, "apply", lambda *_, **__: True)
    for store in (SqliteConnection, PostgresConnection):
        for name in ("write", "commit"):
            _around(trace, store, name)
    _around(trace, OrderManager, "_awaited")
    for name in ("_place", "_place_pair"):
        _open(trace, StopManager, name)
    confirm = StopManager._mark_protected

    def confirmed(*arguments: Any) -> None:
        confirm(*arguments)
        trace.leave("stop")

    StopManager._mark_protected = confirmed  # type: ignore[method-assign]


def _open(trace: Trace, owner: type, name: str) -> None:
    """Open the window of the stop; its proof closes it."""
    method = getattr(owner, name)

    @functools.wraps(method)
    async def traced(*arguments: Any) -> Any:
        trace.enter("stop")
        return await method(*arguments)

    setattr(owner, name, traced)


if __name__ == "__main__":
    settings, window, seed, file = sys.argv[1:]
    install(Trace(Path(file), window, int(seed)))
    run(Path(settings), until_finished=True)
