"""One symbol on its way through the recorded minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO, money
from sandbox.engines.common.order_book import Quote
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.mark_price import MarkRule
from sandbox.market.trade_tape import RecordedTrade
from trading.candles import MINUTE_MS

# The share of a minute's volume that is available at its first print.
FIRST_SHARE = Decimal("0.25")
# The status of a symbol whose market is in a break.
BREAK = "BREAK"
NONE_USED = {"BUY": ZERO, "SELL": ZERO}


class ReplayedEngine(Protocol):
    """What the replay needs from an engine."""

    def set_time(self, now: int) -> None:
        """Set the market time (ms)."""

    def busy(self, symbol: str) -> bool:
        """Whether the path of the symbol's price matters to any account."""

    def exposure(self, symbol: str) -> int:
        """Return the sign of the net position in the symbol."""

    def levels(self, symbol: str) -> list[Decimal]:
        """Return the last prices at which something happens."""

    def mark_levels(self, symbol: str) -> list[Decimal]:
        """Return the mark prices at which something happens."""

    def set_quote(self, symbol: str, quote: Quote | None) -> None:
        """Set the recorded best bid and ask for the next prints."""

    def set_mark(self, symbol: str, mark: Decimal) -> None:
        """Set the mark price for the next prints."""

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set the price at the start."""

    def set_status(self, symbol: str, status: str) -> ExchangeInstrument:
        """Change the symbol's trading status; return its new rules."""

    def on_price(self, symbol: str, price: Decimal) -> None:
        """Handle a trade."""

    def supply(self, symbol: str, buys: Decimal | None, sells: Decimal | None = None) -> None:
        """Limit what each side may fill at the next print (None: no limit)."""

    def supplied(self, symbol: str) -> dict[str, Decimal] | None:
        """Return what is left of the limits, by side."""

    def apply_funding(self, symbol: str, rate: Decimal) -> None:
        """Charge funding on every position."""


@dataclass(frozen=True, slots=True)
class PathLeg:
    """A part of a minute's path: it ends ``offset`` ms into the minute at ``price``.

    ``trades`` are the recorded trades of that second, printed in order.
    """

    offset: int
    price: Decimal
    trades: tuple[RecordedTrade, ...] = ()


@dataclass(eq=False)
class SymbolWalker:
    """Walks one symbol of one venue; ``used`` is the minute's volume that orders took, by side.

    With ``breaks`` the symbol's market is in a break while the recording has no candle.
    """

    venue: str
    engine: ReplayedEngine
    feed: SymbolFeed
    bounded: bool
    mark: MarkRule | None = None
    breaks: bool = False
    used: dict[str, Decimal] = field(default_factory=lambda: dict(NONE_USED))
    given: dict[str, Decimal] = field(default_factory=dict)
    low_first: bool = False
    goal: tuple[Decimal, Decimal] = (ZERO, ZERO)
    trades: tuple[RecordedTrade, ...] = ()
    interrupted: str = ""

    @property
    def name(self) -> str:
        """The seed text of this symbol's path."""
        return self.feed.symbol if self.venue == "usdm" else f"{self.venue}:{self.feed.symbol}"

    def open_minute(self, minute: int) -> None:
        """Begin a minute with its full volume."""
        self.feed.open_minute(minute)
        self.used, self.given = dict(NONE_USED), {}
        self.begin_or_end_break()

    def begin_or_end_break(self) -> None:
        """Close the market where the running minute has no candle, and open it where it has one.

        A status that was set from outside during the break stays.
        """
        feed, status = self.feed, self.feed.instrument.status
        if self.breaks and feed.candle is None and not self.interrupted:
            self.interrupted = status
            feed.instrument = self.engine.set_status(feed.symbol, BREAK)
        elif self.interrupted and feed.candle is not None:
            if status == BREAK:
                feed.instrument = self.engine.set_status(feed.symbol, self.interrupted)
            self.interrupted = ""

    def aim(self, time: int, price: Decimal) -> None:
        """Set ``price`` as the next target, and the mark price's own target with it."""
        if self.mark is not None:
            self.goal = (price, self.mark.price_at(time, price, low_first=self.low_first))

    def under_way(self, target: Decimal) -> bool:
        """Whether price or mark price has not reached its target."""
        feed = self.feed
        return feed.price != target or (self.mark is not None and feed.mark != self.goal[1])

    def _mark_at(self, price: Decimal) -> Decimal:
        """Return the mark price when the last price is at ``price`` on its way to the target."""
        (target, mark), feed = self.goal, self.feed
        if price == target or feed.price == target:
            return mark
        share = (price - feed.price) / (target - feed.price)
        return money(feed.mark + (mark - feed.mark) * share)

    def levels(self) -> list[Decimal]:
        """Return the last prices on the way at which something happens."""
        found, marks = (
            self.engine.levels(self.feed.symbol),
            self.engine.mark_levels(self.feed.symbol),
        )
        if self.mark is None:
            return found + marks
        (target, mark), feed = self.goal, self.feed
        if mark == feed.mark:
            return found
        shares = ((level - feed.mark) / (mark - feed.mark) for level in marks)
        return found + [feed.price + (target - feed.price) * s for s in shares if 0 < s <= 1]

    def print(self, time: int, price: Decimal, trade: RecordedTrade | None = None) -> TradePrint:
        """Print a trade at ``price``: the feed moves, the engine fills and triggers."""
        symbol = self.feed.symbol
        if self.mark is not None:
            mark = self._mark_at(price)
            self.feed.marked = mark
            self.engine.set_mark(symbol, mark)
        tick = self.feed.move(time, price, trade)
        self.engine.set_quote(symbol, self.feed.quote)
        if self.bounded and trade is not None:
            self.engine.supply(symbol, trade.quantity)
            self.feed.show_left(self.engine.supplied(symbol))
        elif self.bounded:
            self.release_volume(symbol, time)
        self.engine.on_price(symbol, price)
        if self.bounded:
            self.feed.show_left(self.engine.supplied(symbol))
        return tick

    def release_volume(self, symbol: str, time: int) -> None:
        """Release the minute's recorded volume in step with time, starting at a quarter."""
        left = self.engine.supplied(symbol) or {}
        for side, given in self.given.items():
            self.used[side] += given - left.get(side, given)
        share = max(FIRST_SHARE, min(Decimal(1), Decimal(time - self.feed.minute) / MINUTE_MS))
        total = self.feed.minute_volume() * share
        step = self.feed.instrument.step
        self.given = {
            side: max(ZERO, (total - used) // step * step) for side, used in self.used.items()
        }
        self.engine.supply(symbol, self.given["BUY"], self.given["SELL"])
        self.feed.show_left(self.given)
