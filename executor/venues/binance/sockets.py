"""A WebSocket that comes back: staleness watchdog, back-off with jitter, probes while it waits."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from executor.model import StreamState
from executor.venues.binance.masking import masked
from executor.venues.binance.readable import UNREADABLE

log = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
CONNECT_TIMEOUT_S = 10.0
PROBE_S = 1.0
COOL_DOWN_AFTER = 5
"""Failures in a row after which the socket rests."""
COOL_DOWN_S = 300.0

Socket = aiohttp.ClientWebSocketResponse


def backoff_s(failures: int, rng: random.Random) -> float:
    """Delay before the next attempt: 1, 2, 4 … 60 s, less a random part of up to half."""
    full: float = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(failures, 10))
    return full * (0.5 + rng.random() / 2)


class ReconnectingSocket:
    """Read JSON messages from a socket without end.

    Args:
        venue: name of the venue.
        name: name of the stream, for the log and for `StreamState`.
        base_url: scheme, host and port.
        path: called for every connection; it may need a REST call.
        stale_s: silence after which the socket counts as dead; None where silence is normal.
        expects: whether anything should be heard at all.
    """

    def __init__(
        self,
        venue: str,
        name: str,
        base_url: str,
        path: Callable[[], Awaitable[str]],
        stale_s: float | None,
        expects: Callable[[], bool] = lambda: True,
    ) -> None:
        self.venue = venue
        self.name = name
        self._base = base_url
        self._path = path
        self._stale_s = stale_s
        self._expects = expects
        self._rng = random.Random(f"{venue} {name}")
        self.socket: Socket | None = None

    async def run(
        self,
        on_open: Callable[[Socket], Awaitable[None]],
        on_message: Callable[[Any], None],
        on_state: Callable[[StreamState], None],
    ) -> None:
        """Connect, read, reconnect; ends only by cancellation."""
        failures = 0
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                problem, heard = await self._session(session, on_open, on_message, on_state)
                failures = 0 if heard else failures + 1
                on_state(StreamState(self.venue, self.name, False, problem, failures))
                # A probe a second ends even the long pause as soon as the server answers.
                cool = failures % COOL_DOWN_AFTER == 0 and failures > 0
                await self._pause(COOL_DOWN_S if cool else backoff_s(failures, self._rng))

    async def _session(
        self,
        session: aiohttp.ClientSession,
        on_open: Callable[[Socket], Awaitable[None]],
        on_message: Callable[[Any], None],
        on_state: Callable[[StreamState], None],
    ) -> tuple[str, bool]:
        """Run one connection; returns why it ended and whether anything was heard."""
        heard = False
        try:
            url = self._base + await self._path()
            async with session.ws_connect(url, heartbeat=HEARTBEAT_S, max_msg_size=0) as socket:
                self.socket = socket
                await on_open(socket)
                on_state(StreamState(self.venue, self.name, True))
                while True:
                    stale_s = self._stale_s if self._expects() else None
                    message = await socket.receive(timeout=stale_s)
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return f"closed by {message.type.name.lower()}", heard
                    heard = True
                    self._deliver(message.data, on_message)
        except TimeoutError:
            return f"silent for {self._stale_s} s", heard
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # A socket fails in many ways; all of them mean "connect again", and all are logged.
            return masked(f"{type(error).__name__}: {error}"), heard
        finally:
            self.socket = None

    def _deliver(self, text: str, on_message: Callable[[Any], None]) -> None:
        try:
            on_message(orjson.loads(text))
        except UNREADABLE as error:
            # One malformed message must not end the stream; the gap-fill repairs the loss.
            log.error(
                "%s %s: message not understood (%r): %.200s", self.venue, self.name, error, text
            )

    async def _pause(self, delay: float) -> None:
        """Wait, but no longer than until the server accepts connections."""
        end = asyncio.get_running_loop().time() + delay
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(PROBE_S, left))
            if await self._answers():
                return

    async def _answers(self) -> bool:
        parts = urlsplit(self._base)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        try:
            async with asyncio.timeout(PROBE_S):
                _, writer = await asyncio.open_connection(parts.hostname, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True
