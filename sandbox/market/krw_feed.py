"""A symbol of a market whose price steps depend on the price."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import plain
from sandbox.engines.upbit.price_steps import above, below
from sandbox.market.displayed_book import SeenBook, level_quantity
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.trade_tape import RecordedTrade

UNITS = 30


class KrwBook(SeenBook):
    """A book whose levels lie one step of their band apart."""

    def sides(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, count: int
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return bids and asks as price -> quantity texts, best first."""
        symbol, bids, asks = instrument.symbol, {}, {}
        own_bids, own_asks = self.rested
        lowest, highest = min(own_asks, default=None), max(own_bids, default=None)
        for _ in range(min(count, UNITS)):
            if bid > 0 and (lowest is None or bid < lowest):
                bids[bid] = level_quantity(instrument, bid) * SCALE
            if highest is None or ask > highest:
                asks[ask] = level_quantity(instrument, ask) * SCALE
            bid, ask = below(symbol, bid) if bid > 0 else bid, above(symbol, ask)
        self.seen = (bids, asks)
        return super().sides(instrument, bid, ask, count)

    def _price(self, instrument: ExchangeInstrument, price: Decimal) -> str:
        del instrument
        return plain(price)


# A level of the built-in book has up to 5,000 steps of 1e-8; one of a KRW market has up to 5.
SCALE = 100_000


class KrwFeed(SymbolFeed):
    """Walks a KRW market; best bid and ask lie one step of their band beside the last price."""

    def make_book(self, decimals: int | None) -> KrwBook:
        """Make the book that the feed shows."""
        return KrwBook(decimals)

    def _print(self, time: int, price: Decimal, trade: RecordedTrade | None = None) -> TradePrint:
        tick = super()._print(time, price, trade or self._made_up(time, price))
        self.quote = (below(self.symbol, price), above(self.symbol, price))
        return tick

    def _made_up(self, time: int, price: Decimal) -> RecordedTrade:
        """Return a trade of some thousand KRW, as the recording has none."""
        number = self._trade_id + 1
        size = (Decimal(10_000 * (1 + number % 7)) / price).quantize(self.instrument.step)
        sold = price < self.price or (price == self.price and number % 2 == 0)
        return RecordedTrade(time, price, size, sold)
