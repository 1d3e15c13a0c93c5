"""Correlations of what is traded, for the limit on positions that are the same bet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from executor.bus.events import ClosedCandle, Event
from executor.model import InstrumentId
from executor.services import Services
from executor.venues.faults import VenueFaultError
from trading.candles import DAY_MS, Candle

if TYPE_CHECKING:
    from trading.candles import CandleColumns

log = logging.getLogger(__name__)

INTERVAL = "1h"


class Correlations:
    """The correlation of each pair as known at the start of the market day (UTC).

    It is computed as in the simulation (`trading.market.correlation`), and only while the settings
    limit it. Until a day's values have come, those of the day before hold.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._day = -1
        self._known: dict[frozenset[InstrumentId], float] = {}
        self._symbols: set[InstrumentId] = set()
        self._traded: set[InstrumentId] = set()
        self._asking = False

    def between(self, one: InstrumentId, other: InstrumentId) -> float | None:
        """The correlation of two instruments; None where it is not known."""
        return self._known.get(frozenset((one, other)))

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Ask for history when the day or the set of instruments has changed."""
        self._traded.add(event.symbol)
        wanted = self._services.settings.risk.max_correlation < 1
        if wanted and not self._asking and self._outdated:
            self._asking = True
            self._services.spawn("correlations", self._refresh())

    @property
    def _today(self) -> int:
        return self._services.clock.now_ms() // DAY_MS

    @property
    def _outdated(self) -> bool:
        return self._today != self._day or self._traded != self._symbols

    async def _refresh(self) -> None:
        try:
            while self._outdated:
                day, symbols = self._today, set(self._traded)
                self._known = await self._correlations(day, sorted(symbols))
                self._day, self._symbols = day, symbols
        except VenueFaultError as fault:
            log.warning("correlations not known yet, asking again: %s", fault)
        finally:
            self._asking = False

    async def _correlations(
        self, day: int, symbols: Sequence[InstrumentId]
    ) -> dict[frozenset[InstrumentId], float]:
        # Imported on use: most executors do not limit it.
        import numpy as np

        from trading.market.correlation import WINDOW_DAYS, daily_correlations

        begin, end = (day - WINDOW_DAYS - 1) * DAY_MS, day * DAY_MS
        columns: dict[InstrumentId, CandleColumns] = {}
        for symbol in symbols:
            venue = self._services.venue_of(symbol)
            candles = await venue.klines(symbol, INTERVAL, begin, end)
            if candles:
                columns[symbol] = _columns(candles)
        if len(columns) < 2:
            return {}
        found = daily_correlations(list(columns.values()), np.array([day], dtype=np.int64))[0]
        names = list(columns)
        return {
            frozenset((names[a], names[b])): float(found[a, b])
            for a in range(len(names))
            for b in range(a)
            if np.isfinite(found[a, b])
        }


def _columns(candles: Sequence[Candle]) -> CandleColumns:
    from trading.candles import HOUR_MS, CandleColumns

    return CandleColumns.of(
        [candle.open_time for candle in candles],
        [candle.open for candle in candles],
        [candle.high for candle in candles],
        [candle.low for candle in candles],
        [candle.close for candle in candles],
        [candle.volume for candle in candles],
        HOUR_MS,
    )
