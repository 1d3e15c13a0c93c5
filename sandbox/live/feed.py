"""A symbol of the followed market: candles that grow, the trades and the book that were seen."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.recorded_market import Level
from sandbox.market.candles import Funding, Kline, Series
from sandbox.market.displayed_book import SeenBook
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.trade_tape import RecordedTrade
from trading.candles import MINUTE_MS

Row = Sequence[Any]


class LiveFeed(SymbolFeed):
    """Walks with the followed market; ``rows`` are its last klines, the last one still running."""

    displayed_book: SeenBook

    def __init__(
        self, instrument: ExchangeInstrument, rows: Sequence[Row], decimals: int | None = None
    ) -> None:
        super().__init__(_series(instrument.symbol, rows[:-1] or rows), instrument, Funding())
        self.displayed_book = SeenBook(decimals)
        self.next_funding_ms = 0
        self.funding_rate = Decimal(0)
        last = rows[-1]
        self.price = Decimal(str(last[4]))
        self.minute = self.time = int(last[0])
        self._running = _bar(last)

    def start(self, begin: int) -> None:
        """Keep the state of the followed market: nothing is replayed."""

    def trade(self, time: int, trade: RecordedTrade) -> TradePrint:
        """Print a trade of the followed market and update the running candle."""
        tick = self._print(time, trade.price, trade)
        price, quantity = float(trade.price), float(trade.quantity)
        running = self._running or Kline(
            self.minute, self.minute + MINUTE_MS, price, price, price, price, 0.0, 0.0
        )
        self._running = Kline(
            running.start,
            running.end,
            running.open,
            max(running.high, price),
            min(running.low, price),
            price,
            running.volume + quantity,
            running.quote_volume + price * quantity,
        )
        return tick

    def see(self, bids: Sequence[Row], asks: Sequence[Row]) -> tuple[list[Level], list[Level]]:
        """Show the seen book and return its levels, best first, for the engine."""
        sides = [[Level(Decimal(p), Decimal(q)) for p, q in side] for side in (bids, asks)]
        shown = tuple({level.price: level.quantity for level in side} for side in sides)
        self.displayed_book.seen = (shown[0], shown[1])
        if sides[0] and sides[1]:
            self.quote = (sides[0][0].price, sides[1][0].price)
        self.update_id += 1
        return sides[0], sides[1]

    def follow(self, bar: Row) -> Kline | None:
        """Take a kline event's bar; when it is closed, add it to the history and return it."""
        kline, closed = _bar(bar), bool(bar[8])
        if kline.start < self.minute:
            return None
        if not closed:
            self.minute, self._running = kline.start, kline
            return None
        self._append([bar])
        self.minute, self._running = kline.end, None
        return kline

    def repair(self, rows: Sequence[Row]) -> None:
        """Fill the gap of an outage with fetched rows, the last of which is still running."""
        known = int(self.series.open_time[-1])
        self._append([row for row in rows[:-1] if int(row[0]) > known])
        if rows and int(rows[-1][0]) >= self.minute:
            self.minute, self._running = int(rows[-1][0]), _bar(rows[-1])

    def _append(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        old, new = self.series, _series(self.symbol, rows)
        self.series = Series(
            self.symbol,
            *(
                np.concatenate([getattr(old, name), getattr(new, name)])
                for name in ("open_time", "open", "high", "low", "close", "volume")
            ),
        )

    def next_funding(self, time: int) -> int:
        """Return the next funding time that the followed market has announced (ms)."""
        return self.next_funding_ms or super().next_funding(time)


def _bar(row: Row) -> Kline:
    opened, high, low, close, volume = (float(value) for value in row[1:6])
    start, quote_volume = int(row[0]), float(row[7])
    return Kline(start, start + MINUTE_MS, opened, high, low, close, volume, quote_volume)


def _series(symbol: str, rows: Sequence[Row]) -> Series:
    columns = [np.array([float(row[i]) for row in rows]) for i in range(1, 6)]
    return Series(symbol, np.array([int(row[0]) for row in rows], dtype=np.int64), *columns)
