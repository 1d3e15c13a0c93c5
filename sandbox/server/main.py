"""Runs the server as a process: one line when ready, a clean end on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request

from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from trading.errors import SettingsError, VenueError


def run(settings: SandboxSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    if settings.ledger is not None and not settings.ledger.resolve().parent.is_dir():
        raise SettingsError(f"--ledger {settings.ledger}: its folder does not exist")
    with asyncio.Runner(loop_factory=_loop_factory) as runner:
        runner.run(_serve(settings))


def _loop_factory() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(settings: SandboxSettings) -> None:
    server = SandboxServer(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    url = await server.start()
    print(f"listening on {url}", flush=True)
    await stop.wait()
    await server.stop()


def fetch_status(url: str) -> str:
    """Fetch a running sandbox's status as indented JSON; ``VenueError`` when none answers."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/sandbox/status", timeout=5) as answer:
            return json.dumps(json.load(answer), indent=2)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise VenueError(f"{url}: no sandbox answers there ({error})") from error
