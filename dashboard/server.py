"""Runs the dashboard until it is stopped."""

from __future__ import annotations

from contextlib import suppress

import uvicorn

from dashboard.app import Dashboard, DashboardSettings
from dashboard.controls import Control


def serve(settings: DashboardSettings, control: Control | None = None) -> None:
    """Listen on the given address of this machine until SIGINT or SIGTERM.

    ``control`` sends the operator's commands to the executor.

    The access log is off: a line a request tells nothing that the executor's log does not.
    """
    config = uvicorn.Config(
        Dashboard(settings, control).app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=65536,
        timeout_graceful_shutdown=3,
    )
    with suppress(KeyboardInterrupt):  # uvicorn ends cleanly, and then raises it again
        uvicorn.Server(config).run()
