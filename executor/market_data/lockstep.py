"""Lockstep with a sandbox: market time moves only when no work is in progress."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson

from executor.market_data.feed import MarketFeed
from executor.model import InstrumentId, symbol_of
from executor.runtime.activity import Activity
from trading.errors import VenueError

log = logging.getLogger(__name__)

QUIET_TURNS = 4
COMPLETE_WITHIN_S = 0.1
STUCK_S = 10.0
FINISHED_POLL_S = 0.25
SANDBOX_GONE_S = 30.0


async def sandbox_status(base_url: str) -> dict[str, Any]:
    """The sandbox's status; `VenueError` when no sandbox answers."""
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{base_url}/sandbox/status") as answer,
        ):
            body: dict[str, Any] = orjson.loads(await answer.read())
            return body
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise VenueError(
            f"no sandbox answers at {base_url} ({type(error).__name__}); mode 'replay' needs"
            " `nocturne sandbox serve`"
        ) from error


async def replay_end(base_url: str) -> int:
    """Wait until a sandbox has replayed everything; returns its steps.

    Raises:
        VenueError: it has not answered for a while.
    """
    heard = time.monotonic()
    while True:
        await asyncio.sleep(FINISHED_POLL_S)
        try:
            status = await sandbox_status(base_url)
        except VenueError:
            if time.monotonic() - heard > SANDBOX_GONE_S:
                raise
            continue
        heard = time.monotonic()
        if status.get("finished"):
            return int(status["steps"])


class LockstepClock:
    """Acknowledges event times over the sandbox's clock socket, with the prices to stop at.

    A real market passes through every price; the recorded path stops only where it is asked to.
    """

    def __init__(
        self,
        clock_url: str,
        feed: MarketFeed,
        activity: Activity,
        watched_prices: Callable[[], dict[InstrumentId, list[float]]],
    ) -> None:
        self._url = clock_url
        self._feed = feed
        self._activity = activity
        self._watched_prices = watched_prices
        self.acknowledged = 0

    async def run(self) -> None:
        """Acknowledge until cancelled, reconnecting when the socket breaks."""
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.ws_connect(f"{self._url}/sandbox/clock/ws") as socket:
                        first = await socket.receive_json()
                        self.acknowledged = int(first["time"])
                        await self._acknowledge(socket)
                except (aiohttp.ClientError, TypeError, ValueError, ConnectionError) as error:
                    log.warning("clock socket: %r", error)
                await asyncio.sleep(0.5)

    async def _acknowledge(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while not socket.closed:
            await self._feed.wait_newer(self.acknowledged)
            await self._quiet()
            newest = self._feed.newest_event
            answer = {"time": newest, "watch": self._watched()}
            await socket.send_str(orjson.dumps(answer).decode())
            self.acknowledged = newest

    def _watched(self) -> dict[str, list[float]]:
        """Prices to stop at, by symbol: the sandbox walks one path for both of its venues."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for symbol, prices in self._watched_prices().items():
            found[symbol_of(symbol)] += prices
        return found

    async def _quiet(self) -> None:
        """Return when every message of the step has come and all its consequences are done."""
        complete_by = time.monotonic() + COMPLETE_WITHIN_S
        while True:
            await self._idle()
            before = self._feed.messages
            for _ in range(QUIET_TURNS):
                await asyncio.sleep(0)
            if not self._activity.idle or self._feed.messages != before:
                continue
            if self._feed.step_complete() or time.monotonic() > complete_by:
                return

    async def _idle(self) -> None:
        while True:
            try:
                async with asyncio.timeout(STUCK_S):
                    await self._activity.wait_idle()
                return
            except TimeoutError:
                log.warning("replay waits for: %s", ", ".join(self._activity.names))
