"""Market clocks: real, accelerated, stepped by command, or in lockstep with the clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

STEP_TIMEOUT_S = 30.0


def wall_ms() -> int:
    """Return wall time in ms UTC, the time of `/time` and of signatures."""
    return time.time_ns() // 1_000_000


class MarketClock(Protocol):
    """Decides when the market may reach a time."""

    @property
    def name(self) -> str:
        """The clock's name: real, accelerated, stepped or lockstep."""

    async def start(self, begin: int) -> None:
        """Wait until the replay may start at market time ``begin`` (ms)."""

    async def before(self, market_ms: int) -> None:
        """Wait until the market may move to ``market_ms``."""

    async def after(self, market_ms: int) -> None:
        """Wait until the step at ``market_ms`` has been handled."""


class PacedClock:
    """Market time runs ``speed`` times as fast as the wall (1 = real time).

    ``seconds`` reads the wall time and ``sleep`` waits on it. With ``on_wall`` market time is wall
    time: a market that begins in the past catches up at once.
    """

    def __init__(
        self,
        speed: float,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        on_wall: bool = False,
    ) -> None:
        self._speed = speed
        self._on_wall = on_wall
        self._seconds, self._sleep = seconds, sleep
        self._offset = 0.0

    @property
    def name(self) -> str:
        """The name: real at speed 1, else accelerated."""
        return "real" if self._speed == 1 else "accelerated"

    async def start(self, begin: int) -> None:
        """Start at once: ``begin`` is now, unless market time is wall time."""
        now = time.time() if self._on_wall else begin / self._speed / 1000
        self._offset = now - self._seconds()

    async def before(self, market_ms: int) -> None:
        """Sleep until the wall has reached ``market_ms``; other tasks run at least once."""
        wait = market_ms / self._speed / 1000 - self._offset - self._seconds()
        await self._sleep(max(0.0, wait))

    async def after(self, market_ms: int) -> None:
        """Return at once."""
        del market_ms


class SteppedClock:
    """Market time stands still until a command moves it to a given time."""

    def __init__(self) -> None:
        self._until = 0
        self._allowed = asyncio.Event()
        self._standing = asyncio.Event()
        self._over = False

    @property
    def name(self) -> str:
        """The name: stepped."""
        return "stepped"

    async def start(self, begin: int) -> None:
        """Stand at ``begin``."""
        self._until = max(self._until, begin)

    async def before(self, market_ms: int) -> None:
        """Wait for a command that reaches ``market_ms``."""
        while market_ms > self._until:
            self._standing.set()
            self._allowed.clear()
            await self._allowed.wait()

    async def after(self, market_ms: int) -> None:
        """Return at once."""
        del market_ms

    async def advance(self, until: int) -> None:
        """Let the market move to ``until`` (ms) and wait until it stands there."""
        self._until = max(self._until, until)
        if not self._over:
            self._standing.clear()
            self._allowed.set()
            await self._standing.wait()

    def finish(self) -> None:
        """Note that the replay is over and release everyone who waits for a step."""
        self._over = True
        self._standing.set()


class LockstepMarketClock:
    """Market time stands still until every registered stepper has acknowledged the step."""

    def __init__(self, timeout_s: float = STEP_TIMEOUT_S) -> None:
        self.timeouts = 0
        self.audience = False
        self._timeout_s = timeout_s
        self._acknowledged: dict[str, int] = {}
        self._watched: dict[str, Mapping[str, Sequence[Decimal]]] = {}
        self._changed = asyncio.Event()
        self._now = 0
        self._registered = 0
        self._unproven: set[str] = set()
        self._listeners: dict[Callable[[int], None], None] = {}

    @property
    def name(self) -> str:
        """The name: lockstep."""
        return "lockstep"

    @property
    def steppers(self) -> dict[str, int]:
        """The market time (ms) that each stepper has acknowledged."""
        return dict(self._acknowledged)

    def register(self) -> str:
        """Register a stepper; it need not acknowledge earlier messages.

        Steppers that have been silent since all streams closed count as dead: a client that was
        killed and restarted does not wait for its former self.
        """
        for silent in self._unproven:
            self._forget(silent)
        self._unproven.clear()
        self._registered += 1
        name = f"stepper-{self._registered}"
        self._acknowledged[name] = self._now
        self._changed.set()
        return name

    def deregister(self, stepper: str) -> bool:
        """Forget a stepper; the market stands still while there is none."""
        known = self._forget(stepper)
        self._changed.set()
        return known

    def _forget(self, stepper: str) -> bool:
        self._watched.pop(stepper, None)
        return self._acknowledged.pop(stepper, None) is not None

    def watched(self, symbol: str) -> list[Decimal]:
        """Return the prices of ``symbol`` that a stepper waits for; the path stops at each."""
        return [price for prices in self._watched.values() for price in prices.get(symbol, ())]

    def acknowledge(
        self,
        stepper: str,
        market_ms: int,
        watched: Mapping[str, Sequence[Decimal]] | None = None,
    ) -> bool:
        """Note that a stepper has handled everything up to ``market_ms``; False when it is unknown.

        ``watched`` replaces the prices, by symbol, that it waits for.
        """
        if stepper not in self._acknowledged:
            return False
        self._watched[stepper] = watched or {}
        self._unproven.discard(stepper)
        self._acknowledged[stepper] = max(market_ms, self._acknowledged[stepper])
        self._changed.set()
        return True

    def set_audience(self, listening: bool) -> None:
        """Set whether any client listens to market streams."""
        if self.audience and not listening:
            self._unproven = set(self._acknowledged)
        self.audience = listening
        self._changed.set()

    @property
    def announced(self) -> bool:
        """Whether any stepper wants a notice at the end of each step."""
        return bool(self._listeners)

    def listen(self, notify: Callable[[int], None]) -> Callable[[], None]:
        """Call ``notify`` with each step's market time once its messages left; return the undo."""
        self._listeners[notify] = None
        return lambda: self._listeners.pop(notify, None)

    def announce(self, market_ms: int) -> None:
        """Notify the listeners that all messages of the step have left."""
        for notify in list(self._listeners):
            notify(market_ms)

    async def start(self, begin: int) -> None:
        """Wait for a stepper and for a subscribed market stream."""
        self._now = begin
        await self._until_ready()

    async def before(self, market_ms: int) -> None:
        """Wait while no stepper is registered or nobody listens."""
        await self._until_ready()
        self._now = market_ms

    async def _until_ready(self) -> None:
        while not (self._acknowledged and self.audience):
            self._changed.clear()
            await self._changed.wait()

    async def after(self, market_ms: int) -> None:
        """Wait for all acknowledgements; drop steppers that do not answer in time."""
        deadline = time.monotonic() + self._timeout_s
        while self.audience and any(seen < market_ms for seen in self._acknowledged.values()):
            self._changed.clear()
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    await self._changed.wait()
            except TimeoutError:
                self.timeouts += 1
                self._drop_silent(market_ms)

    def _drop_silent(self, market_ms: int) -> None:
        silent = [name for name, seen in self._acknowledged.items() if seen < market_ms]
        for name in silent:
            self._forget(name)
