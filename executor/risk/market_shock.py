"""The market-shock pause: after a sudden move of the whole market, entries wait."""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial

from executor.bus.events import ClosedCandle, Event, EventType
from executor.model import InstrumentId
from executor.services import Services
from executor.venues.faults import VenueFaultError
from executor.venues.retry import until_answered
from trading.candles import MINUTE_MS
from trading.errors import VenueError

log = logging.getLogger(__name__)

PAUSED_UNTIL = "shock_until"
"""Name under which the ledger stores the end of the pause (ms)."""
LIFTED_AT = "shock_lifted_at"
"""Name under which it stores when an operator ended a pause: moves from before count no more."""


def market_move(closes: Iterable[Sequence[float]]) -> float:
    """Return the median move of the instruments, each from its first to its last close.

    One instrument that moves alone is no shock, nor is the first that closes its candle; 0 where
    nothing is known.
    """
    moves = [window[-1] / window[0] - 1 for window in closes if window]
    return statistics.median(moves) if moves else 0.0


class MarketShock:
    """Watches the closed candles of every instrument; the ledger keeps the pause.

    The window is restored from the exchange's candles, at the start and for a new instrument: a
    move that began while nobody listened counts.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._closes: dict[InstrumentId, deque[tuple[int, float]]] = {}
        self._until = int(services.ledger.meta(PAUSED_UNTIL, "0"))

    @property
    def pauses_for_s(self) -> float:
        """Seconds of market time for which entries still pause."""
        if self._services.settings.risk.shock_move <= 0:
            return 0.0
        return max(0.0, (self._until - self._services.clock.now_ms()) / 1000)

    def lift(self) -> None:
        """End the pause, and forget the move that began it."""
        self._services.ledger.set_meta(LIFTED_AT, str(self._services.clock.now_ms()))
        self._closes.clear()
        self._store(0)

    async def start(self, symbols: Sequence[InstrumentId]) -> None:
        """Restore the window; what the exchange does not tell must not keep positions unguarded."""
        try:
            await until_answered(partial(self.restore, symbols))
        except VenueError as error:
            # The first candle of each instrument that is missing asks again.
            log.error("the last moves of the market are not known: %s", error)

    async def restore(self, symbols: Iterable[InstrumentId]) -> None:
        """Fill the window of these instruments, and compare the market's move with the limit."""
        risk, now = self._services.settings.risk, self._services.clock.now_ms()
        if risk.shock_move <= 0:
            return
        end = now - now % MINUTE_MS
        lifted = int(self._services.ledger.meta(LIFTED_AT, "0"))
        begin = max(end - (risk.shock_minutes + 1) * MINUTE_MS, lifted - lifted % MINUTE_MS)
        for symbol in symbols:
            venue = self._services.venue_of(symbol)
            known = {c.open_time: c.close for c in await venue.klines(symbol, "1m", begin, end)}
            # Candles that closed meanwhile are newer than those of the answer.
            known |= dict(self._closes.get(symbol, ()))
            self._closes[symbol] = deque(sorted(known.items()))
        self._compare(end - MINUTE_MS, None)

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Compare the market's move with the limit."""
        risk, candle = self._services.settings.risk, event.payload.candle
        if risk.shock_move <= 0:
            self._closes.clear()
            return
        if event.symbol not in self._closes:
            self._services.spawn(f"shock window {event.symbol}", self._restore_one(event.symbol))
        seen = self._closes.setdefault(event.symbol, deque())
        seen.append((candle.open_time, candle.close))
        if event.payload.fresh:
            self._compare(candle.open_time, event.id)

    async def _restore_one(self, symbol: InstrumentId) -> None:
        try:
            await self.restore([symbol])
        except VenueFaultError as fault:
            log.warning("%s: its last moves are not known: %s", symbol, fault)

    def _compare(self, last_open: int, cause: str | None) -> None:
        """Pause if the market moved too far within the window that ends with this candle."""
        risk = self._services.settings.risk
        span = risk.shock_minutes * MINUTE_MS
        for closes in self._closes.values():
            while closes and closes[0][0] < last_open - span:
                closes.popleft()
        move = market_move([[price for _, price in closes] for closes in self._closes.values()])
        if abs(move) >= risk.shock_move:
            self._pause(move, last_open + MINUTE_MS, cause)

    def _pause(self, move: float, now_ms: int, cause: str | None) -> None:
        risk, begins = self._services.settings.risk, self._until <= now_ms
        self._store(now_ms + risk.shock_pause_minutes * MINUTE_MS)
        if not begins:
            return
        log.warning("the market moved %.2f %%: entries pause", move * 100)
        minutes = risk.shock_pause_minutes
        self._services.emit(
            EventType.MARKET_SHOCK, cause=cause, move=f"{move:.4f}", pause_minutes=minutes
        )
        self._services.alerts.send(
            "market shock: entries pause", move=f"{move:+.2%}", minutes=minutes
        )

    def _store(self, until_ms: int) -> None:
        if until_ms != self._until:
            self._until = until_ms
            self._services.ledger.set_meta(PAUSED_UNTIL, str(until_ms))
