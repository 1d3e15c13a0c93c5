"""A symbol at market time: its last price, the running minute, recent trades."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import Levels, Quote, best_quotes
from sandbox.market.candles import Funding, Kline, Series, Ticks, ticks_at
from sandbox.market.displayed_book import BookChange, DisplayedBook, Side
from sandbox.market.intervals import bar_start, next_start
from sandbox.market.mark_price import RecordedMark
from sandbox.market.trade_tape import Quotes, RecordedTrade, TradeTape
from trading.candles import DAY_MS, MINUTE_MS

FUNDING_EVERY_MS = 8 * 60 * MINUTE_MS
RECENT_TRADES = 1_000
AVERAGE_MINUTES = 5


@dataclass(frozen=True, slots=True)
class TradePrint:
    """A print of the recorded market; ``update_id`` numbers the resulting book."""

    symbol: str
    time: int
    price: Decimal
    before: Decimal
    quantity: Decimal
    trade_id: int
    buyer_maker: bool
    update_id: int


class SymbolFeed:
    """Walks one symbol's candles; ``minute`` is the open time (ms) of the running one.

    The book has ``decimals``, or those of tick and step.
    """

    def __init__(
        self,
        series: Series,
        instrument: ExchangeInstrument,
        funding: Funding,
        tape: TradeTape | None = None,
        quotes: Quotes | None = None,
        decimals: int | None = None,
    ) -> None:
        self.series = series
        self.instrument = instrument
        self.funding = funding
        self.tape = tape
        self.quotes = quotes
        self.quote: Quote | None = None
        self.price = ZERO
        self.time = 0
        self.minute = 0
        self.candle: Ticks | None = None
        self.update_id = 10_000_000
        self.displayed_book = self.make_book(decimals)
        self.marked = ZERO
        self.indexed: RecordedMark | None = None
        self.recent: deque[TradePrint] = deque(maxlen=RECENT_TRADES)
        self._row = -1
        self._running: Kline | None = None
        self._trade_id = 1_000_000
        self._windows_of = -1
        self._closed_windows: dict[int, Kline | None] = {}
        self._closed_at = -1
        self._closed_bars: dict[tuple[str, int], Kline | None] = {}
        self._average_of = -1
        self._averaged = (0.0, 0.0)

    def make_book(self, decimals: int | None) -> DisplayedBook:
        """Make the book that the feed shows."""
        return DisplayedBook(decimals)

    @property
    def symbol(self) -> str:
        """The symbol's name."""
        return self.instrument.symbol

    @property
    def first(self) -> int:
        """The open time of the first recorded candle (ms)."""
        return int(self.series.open_time[0])

    @property
    def mark(self) -> Decimal:
        """The mark price; without a rule of its own, the last price."""
        return self.marked or self.price

    @property
    def index(self) -> Decimal:
        """The index price; without a recorded one, the mark price."""
        if self.indexed is None:
            return self.mark
        return self.indexed.price_at(self.time, self.mark, low_first=False)

    @property
    def bid(self) -> Decimal:
        """The market's best bid."""
        return best_quotes(self.quote, self.price, self.instrument.tick)[0]

    @property
    def ask(self) -> Decimal:
        """The market's best ask."""
        return best_quotes(self.quote, self.price, self.instrument.tick)[1]

    def book(self, count: int) -> tuple[Side, Side]:
        """Return bids and asks as price -> quantity texts, best first."""
        self.displayed_book.open(self.instrument, self.bid, self.ask, self.update_id)
        return self.displayed_book.sides(self.instrument, self.bid, self.ask, count)

    def best(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return best bid and best ask as (price, quantity)."""
        return self.displayed_book.best(self.instrument, self.bid, self.ask)

    def book_change(self) -> BookChange:
        """Return the book's change since the last call."""
        return self.displayed_book.change(self.instrument, self.bid, self.ask, self.update_id)

    def show_left(self, left: Mapping[str, Decimal] | None) -> bool:
        """Show what BUY and SELL orders can still fill (None: no limit); False: shown already."""
        book, shown = self.displayed_book, None if left is None else (left["SELL"], left["BUY"])
        if book.left == shown:
            return False
        book.left = shown
        self.update_id += 1
        return True

    def rest(self, levels: Levels) -> bool:
        """Show the accounts' resting orders; False when nothing has changed."""
        if self.displayed_book.rested == levels:
            return False
        self.displayed_book.rested = levels
        self.update_id += 1
        return True

    def start(self, begin: int) -> None:
        """Set the market time to ``begin``: the price is its open, else the last close."""
        row = self.series.before(begin)
        tick = self.instrument.tick
        for earlier in range(max(0, row - RECENT_TRADES + 10), row):
            time = int(self.series.open_time[earlier]) + MINUTE_MS - 1
            self._print(time, ticks_at(self.series, earlier, tick).close)
        if not self.price:
            self.price = ticks_at(self.series, min(row, len(self.series.close) - 1), tick).open
        self.time = begin
        self.open_minute(begin)

    def open_minute(self, minute: int) -> None:
        """Begin the minute; without a recorded candle the price stays."""
        self.minute = minute
        self._row = self.series.index(minute)
        self.candle = None
        self._running = None
        if self._row >= 0:
            self.candle = ticks_at(self.series, self._row, self.instrument.tick)
            price = float(self.candle.open)
            self._running = Kline(minute, minute + MINUTE_MS, price, price, price, price, 0.0, 0.0)

    def move(self, time: int, price: Decimal, trade: RecordedTrade | None = None) -> TradePrint:
        """Print a recorded or synthetic trade at ``price`` and update the running candle."""
        if self.quotes is not None:
            self.quote = self.quotes.quote_at(time, self.instrument.tick)
        tick = self._print(time, price, trade)
        running, value = self._running, float(price)
        if running is not None:
            share = min(1.0, max(0.0, (time - self.minute) / MINUTE_MS))
            volume = float(self.series.volume[self._row]) * share
            self._running = Kline(
                running.start,
                running.end,
                running.open,
                max(running.high, value),
                min(running.low, value),
                value,
                volume,
                volume * value,
            )
        return tick

    def recorded(self) -> list[list[RecordedTrade]]:
        """Return the running minute's recorded trades by second, if there are any."""
        if self.tape is None:
            return []
        return self.tape.minute(self.minute, self.instrument.tick, self.instrument.step)

    def minute_volume(self) -> Decimal:
        """Return the running minute's recorded volume, in base currency."""
        return Decimal(repr(float(self.series.volume[self._row]))) if self._row >= 0 else ZERO

    def close_minute(self) -> Kline | None:
        """End the minute and return its candle exactly as recorded."""
        if self._row < 0:
            return None
        row, series = self._row, self.series
        self._running = None
        close, volume = float(series.close[row]), float(series.volume[row])
        return Kline(
            self.minute,
            self.minute + MINUTE_MS,
            float(series.open[row]),
            float(series.high[row]),
            float(series.low[row]),
            close,
            volume,
            volume * close,
        )

    def _print(self, time: int, price: Decimal, trade: RecordedTrade | None = None) -> TradePrint:
        self._trade_id += 1
        self.update_id += 1
        number = self._trade_id
        if trade is not None:
            quantity, sold = trade.quantity, trade.buyer_maker
        else:
            quantity = self.instrument.step * (1 + number % 7)
            sold = price < self.price or (price == self.price and number % 2 == 0)
        before = self.price or price
        tick = TradePrint(self.symbol, time, price, before, quantity, number, sold, self.update_id)
        self.price, self.time = price, time
        self.recent.append(tick)
        return tick

    def bars(self, interval: str, start: int, end: int) -> list[Kline]:
        """Return the bars that open in [``start``, ``end``) so far; the last may be incomplete."""
        closed = self.series.bars(interval, start, end, self.minute)
        running = self._running
        if running is None:
            return closed
        begin = bar_start(interval, running.start)
        if not start <= begin < end:
            return closed
        if closed and closed[-1].start == begin:
            closed[-1] = _merge(closed[-1], running)
            return closed
        last = next_start(interval, begin)
        merged = _merge(Kline(begin, last, running.open, *_rest(running)), None)
        return [*closed, merged]

    def bar_at(self, interval: str, time: int) -> Kline | None:
        """Return the bar of ``interval`` that holds ``time``, as far as it is known."""
        running, start = self._running, bar_start(interval, time)
        if running is None or time < running.start:
            found = self.bars(interval, start, start + 1)
            return found[-1] if found else None
        if interval == "1m":
            return running
        closed = self._closed(interval, start)
        begun = closed or Kline(start, next_start(interval, start), running.open, *_rest(running))
        return _merge(begun, running if closed else None)

    def _closed(self, interval: str, start: int) -> Kline | None:
        """Return the part of a bar before the running minute, cached for the minute."""
        key = (interval, start)
        if self._closed_at != self.minute:
            self._closed_at = self.minute
            self._closed_bars.clear()
        if key not in self._closed_bars:
            found = self.series.bars(interval, start, start + 1, self.minute)
            self._closed_bars[key] = found[-1] if found else None
        return self._closed_bars[key]

    def average(self) -> float:
        """Return the volume-weighted price of the last ``AVERAGE_MINUTES``, including this one."""
        if self._average_of != self.minute:
            self._average_of = self.minute
            rows = slice(
                self.series.before(self.minute - (AVERAGE_MINUTES - 1) * MINUTE_MS),
                self.series.before(self.minute),
            )
            volume, close = self.series.volume[rows], self.series.close[rows]
            self._averaged = (float(volume.sum()), float((volume * close).sum()))
        volume_sum, value_sum = self._averaged
        if self._running is not None:
            volume_sum += self._running.volume
            value_sum += self._running.quote_volume
        return value_sum / volume_sum if volume_sum else float(self.price)

    def day(self) -> Kline | None:
        """Return the last 24 hours as one bar."""
        return self.window(DAY_MS)

    def window(self, length: int) -> Kline | None:
        """Return the last ``length`` ms and the running minute as one bar; None without trades."""
        if self._windows_of != self.minute:
            self._windows_of = self.minute
            self._closed_windows.clear()
        if length not in self._closed_windows:
            self._closed_windows[length] = self.series.whole(self.minute - length, self.minute)
        closed, running = self._closed_windows[length], self._running
        if closed is None or running is None:
            return closed or running
        return _merge(closed, running)

    def next_funding(self, time: int) -> int:
        """Return the next funding time (ms)."""
        for funded in self.funding.times:
            if funded > time:
                return funded
        return (time // FUNDING_EVERY_MS + 1) * FUNDING_EVERY_MS


def _rest(bar: Kline) -> tuple[float, float, float, float, float]:
    return bar.high, bar.low, bar.close, bar.volume, bar.quote_volume


def _merge(bar: Kline, later: Kline | None) -> Kline:
    if later is None:
        return bar
    return Kline(
        bar.start,
        bar.end,
        bar.open,
        max(bar.high, later.high),
        min(bar.low, later.low),
        later.close,
        bar.volume + later.volume,
        bar.quote_volume + later.quote_volume,
    )
