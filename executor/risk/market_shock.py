"""The market-shock pause: after a sudden move of the whole market, entries wait."""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Iterable, Sequence

from executor.bus.events import ClosedCandle, Event, EventType
from executor.model import InstrumentId
from executor.services import Services
from trading.candles import MINUTE_MS

log = logging.getLogger(__name__)

PAUSED_UNTIL = "shock_until"
"""Name under which the ledger stores the end of the pause (ms)."""


def market_move(closes: Iterable[Sequence[float]]) -> float:
    """Return the median move of the instruments, each from its first to its last close.

    One instrument that moves alone is no shock, nor is the first that closes its candle; 0 where
    nothing is known.
    """
    moves = [window[-1] / window[0] - 1 for window in closes if window]
    return statistics.median(moves) if moves else 0.0


class MarketShock:
    """Watches the closed candles of every instrument; the ledger keeps the pause."""

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
        """End the pause."""
        self._store(0)

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Compare the market's move with the limit."""
        risk, candle = self._services.settings.risk, event.payload.candle
        if risk.shock_move <= 0:
            self._closes.clear()
            return
        span = risk.shock_minutes * MINUTE_MS
        seen = self._closes.setdefault(event.symbol, deque())
        seen.append((candle.open_time, candle.close))
        for closes in self._closes.values():
            while closes and closes[0][0] < candle.open_time - span:
                closes.popleft()
        move = market_move([[price for _, price in closes] for closes in self._closes.values()])
        if event.payload.fresh and abs(move) >= risk.shock_move:
            self._pause(move, candle.open_time + MINUTE_MS, event.id)

    def _pause(self, move: float, now_ms: int, cause: str) -> None:
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
