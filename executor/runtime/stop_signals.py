"""The signals that end a run, taken before anything is open.

A run that is interrupted by an exception instead could leave the ledger and connections open.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StopSignals:
    """Notes SIGTERM and SIGINT on the running loop; SIGHUP calls ``on_hangup``."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        """Set when the run is to end."""
        self.interrupted = False
        """Whether SIGINT (Ctrl-C) was among the signals."""
        self.on_hangup: Callable[[], object] = lambda: None
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: self.on_hangup())
        loop.add_signal_handler(signal.SIGTERM, self.requested.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)

    def _interrupt(self) -> None:
        self.interrupted = True
        self.requested.set()


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> asyncio.Task[T] | None:
    """Do ``work`` until it ends or ``stop`` is set; None where ``stop`` was first, else the task.

    Work that was not first is cancelled and has ended, also when the caller is cancelled.
    """
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
    return working if working in done else None
