"""Runs the dashboard until it is stopped."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from dashboard.app import Dashboard
from dashboard.settings import DashboardSettings, ExecutorAccess

ALIVE_EVERY_S = 15.0


def serve(
    settings: DashboardSettings,
    executor: ExecutorAccess | None = None,
    notify: Callable[[str], object] | None = None,
) -> None:
    """Listen on the given address of this machine until SIGINT or SIGTERM.

    ``notify`` gets ``READY=1`` once it listens, then ``WATCHDOG=1`` while its event loop turns.

    The access log is off: a line a request tells nothing that the executor's log does not.
    """
    config = uvicorn.Config(
        Dashboard(settings, executor).app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=65536,
        timeout_graceful_shutdown=3,
    )
    with suppress(KeyboardInterrupt):  # uvicorn ends cleanly, and then raises it again
        _Server(config, notify).run()


class _Server(uvicorn.Server):
    """A server that says that it listens, and that it lives."""

    def __init__(self, config: uvicorn.Config, notify: Callable[[str], object] | None) -> None:
        super().__init__(config)
        self._notify = notify
        self._notified_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started and self._notify is not None:
            self._notify("READY=1")

    async def on_tick(self, counter: int) -> bool:
        """Say from time to time that the loop turns."""
        if self._notify is not None and time.monotonic() - self._notified_at > ALIVE_EVERY_S:
            self._notified_at = time.monotonic()
            self._notify("WATCHDOG=1")
        return await super().on_tick(counter)
