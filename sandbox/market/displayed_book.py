"""The displayed book: the market's levels merged with the accounts' orders, never crossed.

The market's depth is not recorded: its levels lie one tick apart, from best bid and ask on, and the
price of a level fixes its quantity. Where the recorded volume limits fills, each side shows one
level, with all that can still fill there, and none when that is used up. When an order beyond the
market's best price still waits for volume, the levels that it crosses are not shown.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO, plain
from sandbox.engines.common.order_book import Levels

Side = dict[str, str]
DEPTH = 50
CACHED = 20_000


@dataclass(frozen=True, slots=True)
class BookChange:
    """The levels that changed since the last publication (quantity 0: the level is gone)."""

    first_id: int
    last_id: int
    previous_id: int
    bids: list[list[str]]
    asks: list[list[str]]

    @property
    def empty(self) -> bool:
        """Whether no level has changed."""
        return not (self.bids or self.asks)


def level_quantity(instrument: ExchangeInstrument, price: Decimal) -> Decimal:
    """Return the quantity shown at a price level; it depends on the price alone."""
    seed = zlib.crc32(f"{instrument.symbol}{price.normalize()}".encode())
    return instrument.step * (1 + seed % 5000)


class DisplayedBook:
    """The displayed book of one symbol; ``rested`` holds the accounts' orders.

    ``left`` is what the best bid and the best ask can still fill (None: no limit).

    Prices and quantities have the decimals of tick and step, unless ``decimals`` is given.
    """

    def __init__(self, decimals: int | None = None) -> None:
        self._decimals = decimals
        self.rested: Levels = ({}, {})
        self.left: tuple[Decimal, Decimal] | None = None
        self._instrument: ExchangeInstrument | None = None
        self._levels: dict[int, tuple[str, str]] = {}
        self._published: tuple[Side, Side] | None = None
        self._published_id = 0

    def sides(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, count: int
    ) -> tuple[Side, Side]:
        """Return bids and asks as price -> quantity texts, best first."""
        if self.left is not None or self.rested[0] or self.rested[1]:
            return self._merged(instrument, bid, ask, count)
        highest, lowest = int(bid / instrument.tick), int(ask / instrument.tick)
        level = self._level
        self._forget(instrument)
        return (
            dict([level(instrument, n) for n in range(highest, max(0, highest - count), -1)]),
            dict([level(instrument, n) for n in range(lowest, lowest + count)]),
        )

    def best(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal
    ) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return best bid and best ask as (price, quantity); zeros for an empty side."""
        if self.left is None and not self.rested[0] and not self.rested[1]:
            self._forget(instrument)
            highest, lowest = int(bid / instrument.tick), int(ask / instrument.tick)
            return self._level(instrument, highest), self._level(instrument, lowest)
        bids, asks = self.sides(instrument, bid, ask, 1)
        nothing = (self._price(instrument, ZERO), self._size(instrument, ZERO))
        return next(iter(bids.items()), nothing), next(iter(asks.items()), nothing)

    def _forget(self, instrument: ExchangeInstrument) -> None:
        if instrument is not self._instrument or len(self._levels) > CACHED:
            self._instrument = instrument
            self._levels.clear()

    def _level(self, instrument: ExchangeInstrument, number: int) -> tuple[str, str]:
        """Return price and quantity of the market's level at ``number`` ticks."""
        found = self._levels.get(number)
        if found is None:
            price = instrument.tick * number
            size = self._size(instrument, level_quantity(instrument, price))
            found = (self._price(instrument, price), size)
            self._levels[number] = found
        return found

    def _merged(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, count: int
    ) -> tuple[Side, Side]:
        own_bids, own_asks = self.rested
        tick = instrument.tick
        highest, lowest = bid, ask
        if own_asks:
            highest = min(bid, _tick_below(min(own_asks), tick))
        if own_bids:
            lowest = max(ask, _tick_above(max(own_bids), tick))
        if self.left is None:
            prices = (highest - n * tick for n in range(count))
            bids = {price: level_quantity(instrument, price) for price in prices if price > 0}
            asks = {
                p: level_quantity(instrument, p) for p in (lowest + n * tick for n in range(count))
            }
        else:
            bids = {bid: self.left[0]} if self.left[0] and bid == highest else {}
            asks = {ask: self.left[1]} if self.left[1] and ask == lowest else {}
        return (
            self._side_of(instrument, bids, own_bids, count, falling=True),
            self._side_of(instrument, asks, own_asks, count, falling=False),
        )

    def _side_of(
        self,
        instrument: ExchangeInstrument,
        market: Mapping[Decimal, Decimal],
        own: Mapping[Decimal, Decimal],
        count: int,
        *,
        falling: bool,
    ) -> Side:
        quantities = dict(market)
        for price, quantity in own.items():
            quantities[price] = quantities.get(price, ZERO) + quantity
        best = sorted(quantities, reverse=falling)[:count]
        return {
            self._price(instrument, price): self._size(instrument, quantities[price])
            for price in best
        }

    def _price(self, instrument: ExchangeInstrument, price: Decimal) -> str:
        if self._decimals is not None:
            return f"{price:.{self._decimals}f}"
        on_grid = price % instrument.tick == 0
        return plain(price // instrument.tick * instrument.tick if on_grid else price)

    def _size(self, instrument: ExchangeInstrument, quantity: Decimal) -> str:
        decimals = instrument.quantity_precision if self._decimals is None else self._decimals
        return f"{quantity:.{decimals}f}"

    def change(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, update_id: int
    ) -> BookChange:
        """Return the change since the last call or since ``open``, and remember it as published.

        A book that has not changed is not published: the next change continues after the last.
        """
        new = self.sides(instrument, bid, ask, DEPTH)
        old, previous = self._published or new, self._published_id or update_id - 1
        gone = self._size(instrument, ZERO)
        bids, asks = (_difference(*pair, gone) for pair in zip(old, new, strict=True))
        first = min(previous + 1, update_id)
        if bids or asks or self._published is None:
            self._published, self._published_id = new, update_id
        return BookChange(first, update_id, previous, bids, asks)

    def open(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, update_id: int
    ) -> None:
        """Start to track changes: a client listens, or took a snapshot."""
        if self._published is None:
            self._published, self._published_id = self.sides(instrument, bid, ask, DEPTH), update_id


class SeenBook(DisplayedBook):
    """The book of a live market: the levels that were seen, merged with the accounts' orders."""

    def __init__(self, decimals: int | None = None) -> None:
        super().__init__(decimals)
        self.seen: Levels = ({}, {})

    def sides(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal, count: int
    ) -> tuple[Side, Side]:
        """Return bids and asks as price -> quantity texts, best first."""
        del bid, ask
        own_bids, own_asks = self.rested
        bids, asks = self.seen
        return (
            self._side_of(instrument, bids, own_bids, count, falling=True),
            self._side_of(instrument, asks, own_asks, count, falling=False),
        )

    def best(
        self, instrument: ExchangeInstrument, bid: Decimal, ask: Decimal
    ) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return best bid and best ask as (price, quantity); zeros for an empty side."""
        bids, asks = self.sides(instrument, bid, ask, 1)
        nothing = (self._price(instrument, ZERO), self._size(instrument, ZERO))
        return next(iter(bids.items()), nothing), next(iter(asks.items()), nothing)


def _tick_below(price: Decimal, tick: Decimal) -> Decimal:
    number = price // tick
    return (number - 1 if price % tick == 0 else number) * tick


def _tick_above(price: Decimal, tick: Decimal) -> Decimal:
    return (price // tick + 1) * tick


def _difference(old: Side, new: Side, gone: str) -> list[list[str]]:
    changed = [[price, quantity] for price, quantity in new.items() if old.get(price) != quantity]
    changed += [[price, gone] for price in old if price not in new]
    return changed
