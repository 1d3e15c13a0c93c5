"""The candle recorder: keeps what the executor decides on, for `nocturne parity`.

A decision and the candle that led to it are in the ledger together (`executor.ledger.journal`).
Candles that led to nothing wait for the next flush: they cost an order no time, and a crash loses
at most those of its last half second.
"""

from __future__ import annotations

from executor.bus.events import ClosedCandle, Event
from executor.ledger.history import ReceivedCandle, ReceivedCandles
from trading.candles import DAY_MS


class CandleRecorder:
    """Handles `candle_closed`; ``keep_days`` of market time stay in the ledger."""

    def __init__(self, store: ReceivedCandles, keep_days: int) -> None:
        self._store = store
        self._keep_ms = keep_days * DAY_MS
        self._waiting: list[ReceivedCandle] = []

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Keep a candle until the next `write`."""
        closed = event.payload
        self._waiting.append(ReceivedCandle(event.symbol, closed.candle, closed.fresh, event.time))

    def write(self) -> None:
        """Hand what waits to the ledger; it joins the next commit."""
        waiting, self._waiting = self._waiting, []
        self._store.add(waiting)

    def forget(self, now_ms: int) -> None:
        """Remove the whole days (UTC, of receipt) that are older than ``keep_days``.

        The lake's copy has a partition for each such day, and an export writes it as the ledger
        has it: half a day here would become half a day there.
        """
        oldest = now_ms - self._keep_ms
        self._store.forget_before(oldest - oldest % DAY_MS)
