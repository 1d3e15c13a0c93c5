"""A sandbox of both venues that measures how long it keeps its event loop busy at once.

Usage: python -m tests.sandbox.measured_server CANDLES REPORT. At its end it writes the longest
processor time (s) of one step of its loop: for as long the other clients wait on an idle machine.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from asyncio import events
from pathlib import Path

from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START


class Longest:
    """The longest step, measured from ``start`` on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._run = events.Handle._run

    def start(self) -> None:
        """Measure every step of every loop of this process."""
        events.Handle._run = lambda handle: self._measured(handle)  # type: ignore[method-assign]

    def _measured(self, handle: events.Handle) -> None:
        begun = time.thread_time()
        self._run(handle)
        self.seconds = max(self.seconds, time.thread_time() - begun)


async def serve(candles: Path, longest: Longest) -> None:
    """Serve until SIGTERM."""
    server = SandboxServer(
        SandboxSettings(
            candles=candles, venue="both", begin=START, weight_limit=10**9, count_orders=False
        )
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = await server.start()
    gc.collect()
    gc.freeze()
    longest.start()
    print(f"listening on {url}", flush=True)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    found = Longest()
    asyncio.run(serve(Path(sys.argv[1]), found))
    Path(sys.argv[2]).write_text(str(found.seconds))
