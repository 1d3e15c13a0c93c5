"""Instruments and money: what is traded where, and which wallet pays for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple, NewType

ZERO = Decimal(0)

InstrumentId = NewType("InstrumentId", str)
"""A symbol at a venue: ``BTCUSDT.binance_usdm``.

Everything in the executor that has a symbol has this one. Only adapters and ledger tables take it
apart.
"""


def instrument_id(symbol: str, venue: str) -> InstrumentId:
    """The instrument of a symbol at a venue."""
    return InstrumentId(f"{symbol}.{venue}")


def symbol_of(instrument: InstrumentId) -> str:
    """The symbol as its venue writes it."""
    return instrument.rpartition(".")[0]


def venue_of(instrument: InstrumentId) -> str:
    """The name of the venue."""
    return instrument.rpartition(".")[2]


class Wallet(NamedTuple):
    """Where the money of an instrument lies: one asset at one venue."""

    venue: str
    asset: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What a wallet holds, and what of it is free; amounts in the wallet's asset."""

    wallet: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the exchange allows for one instrument."""

    symbol: InstrumentId
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    """Largest quantity of one market order."""
    min_notional: Decimal
    quote_asset: str = "USDT"
    base_asset: str = ""
    trading: bool = True
    refused: str = ""
    """Why margin type or leverage could not be set: open positions are managed, none is opened."""

    @property
    def wallet(self) -> Wallet:
        """The wallet that it is traded from."""
        return Wallet(venue_of(self.symbol), self.quote_asset)

    def whole_steps(self, quantity: Decimal) -> Decimal:
        """Round down to whole steps."""
        return (quantity / self.step).to_integral_value(ROUND_FLOOR) * self.step

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """Round down to whole steps, and to the maximum of a market order."""
        return self.whole_steps(min(quantity, self.max_quantity))

    def round_price(self, price: Decimal | float, *, up: bool | None = None) -> Decimal:
        """Round to the tick: to the nearest, or ``up`` (True) or down (False)."""
        mode = ROUND_HALF_EVEN if up is None else ROUND_CEILING if up else ROUND_FLOOR
        ticks = (Decimal(str(price)) / self.tick).to_integral_value(mode)
        return ticks * self.tick
