"""Runs the dashboard until it is stopped."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from dashboard.app import Dashboard
from dashboard.settings import DashboardSettings, ExecutorAccess
from trading.errors import SettingsError

ALIVE_EVERY_S = 15.0


def serve(
    settings: DashboardSettings,
    executor: ExecutorAccess | None = None,
    notify: Callable[[str], object] | None = None,
    on_ready: Callable[[], object] | None = None,
) -> None:
    """Listen on the given address of this machine until SIGINT or SIGTERM.

    ``on_ready`` is called once it listens. ``notify`` gets ``READY=1`` then, and ``WATCHDOG=1``
    while its event loop turns. The access log is off: it says nothing that the executor's log
    does not.

    Raises:
        SettingsError: the port is taken.
    """
    listener = _listener(settings.host, settings.port)

    def ready() -> None:
        if notify is not None:
            notify("READY=1")
        if on_ready is not None:
            on_ready()

    config = uvicorn.Config(
        Dashboard(settings, executor).app,
        log_level="warning",
        access_log=False,
        server_header=False,
        loop="asyncio",  # uvloop takes 2 MB, and serves no page sooner
        ws_per_message_deflate=False,  # half a megabyte a viewer: what is large is packed by itself
        ws_max_size=65536,
        timeout_graceful_shutdown=3,
    )
    with suppress(KeyboardInterrupt):  # uvicorn ends cleanly, and then raises it again
        _Server(config, notify, ready).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingsError(
            f"the dashboard cannot listen on {host}:{port} ({reason}); end what listens there, or"
            " give another --port"
        ) from error


class _Server(uvicorn.Server):
    """A server that says that it listens, and that it lives."""

    def __init__(
        self,
        config: uvicorn.Config,
        notify: Callable[[str], object] | None,
        ready: Callable[[], object],
    ) -> None:
        super().__init__(config)
        self._notify = notify
        self._ready = ready
        self._notified_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Say from time to time that the loop turns."""
        if self._notify is not None and time.monotonic() - self._notified_at > ALIVE_EVERY_S:
            self._notified_at = time.monotonic()
            self._notify("WATCHDOG=1")
        return await super().on_tick(counter)
