"""A symbol of a market whose price steps depend on the price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import plain
from sandbox.engines.common.price_ladder import PriceLadder
from sandbox.market.candles import Funding, Series
from sandbox.market.displayed_book import SeenBook, level_quantity
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.trade_tape import RecordedTrade

UNITS = 30
KRW_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class LadderRules:
    """Steps, sizes and limits of a market.

    A level of the built-in book has up to 5,000 quantity steps; ``scale`` multiplies them.
    ``trade_value`` is the value in KRW of a trade that the recording lacks.
    """

    ladder: PriceLadder
    scale: int
    trade_value: int
    decimals: int


class LadderBook(SeenBook):
    """A book whose levels lie one step of their band apart."""

    def __init__(self, rules: LadderRules) -> None:
        super().__init__(rules.decimals)
        self._rules = rules

    def sides(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, count: int
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return bids and asks as price -> quantity texts, best first."""
        ladder, scale = self._rules.ladder, self._rules.scale
        bids: dict[Decimal, Decimal] = {}
        asks: dict[Decimal, Decimal] = {}
        own_bids, own_asks = self.rested
        lowest, highest = min(own_asks, default=None), max(own_bids, default=None)
        if self.left is not None:
            (sold, bought), count = self.left, 0
            bids, asks = {bid: sold} if sold else {}, {ask: bought} if bought else {}
        for _ in range(min(count, UNITS)):
            if bid > 0 and (lowest is None or bid < lowest):
                bids[bid] = level_quantity(instrument, bid) * scale
            if highest is None or ask > highest:
                asks[ask] = level_quantity(instrument, ask) * scale
            bid, ask = ladder.below(bid) if bid > 0 else bid, ladder.above(ask)
        self.seen = (bids, asks)
        return super().sides(instrument, bid, ask, count)

    def _price(self, instrument: ExchangeInstrument, price: Decimal) -> str:
        del instrument
        return plain(price)


class LadderFeed(SymbolFeed):
    """Walks a market; best bid and ask lie one step of their band beside the last price."""

    def __init__(self, series: Series, instrument: ExchangeInstrument, rules: LadderRules) -> None:
        self.rules = rules
        super().__init__(series, instrument, Funding(), decimals=rules.decimals)

    def make_book(self, decimals: int | None) -> LadderBook:
        """Make the book that the feed shows."""
        del decimals
        return LadderBook(self.rules)

    def _print(self, time: int, price: Decimal, trade: RecordedTrade | None = None) -> TradePrint:
        tick = super()._print(time, price, trade or self._made_up(time, price))
        self.quote = (self.rules.ladder.below(price), self.rules.ladder.above(price))
        return tick

    def _made_up(self, time: int, price: Decimal) -> RecordedTrade:
        """Return a trade of some value, as the recording has none."""
        number, step = self._trade_id + 1, self.instrument.step
        size = (Decimal(self.rules.trade_value * (1 + number % 7)) / price).quantize(step)
        sold = price < self.price or (price == self.price and number % 2 == 0)
        return RecordedTrade(time, price, max(step, size), sold)
