"""The engine's events: orders, conditional orders, wallets and positions, settings."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.usdm.model import AlgoOrder, Income, UsdmFill, UsdmOrder, UsdmPosition


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order changed (``execution``: NEW, TRADE, CANCELED, EXPIRED, CALCULATED, AMENDMENT)."""

    account: str
    time: int
    execution: str
    order: UsdmOrder
    fill: UsdmFill | None = None


@dataclass(frozen=True, slots=True)
class AlgoChanged:
    """A conditional order changed."""

    account: str
    time: int
    algo: AlgoOrder


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Wallet or positions changed; ``marks`` are the prices of the stated profits."""

    account: str
    time: int
    reason: str
    wallet: Decimal
    cross_wallet: Decimal
    change: Decimal
    positions: tuple[UsdmPosition, ...]
    marks: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """A symbol's leverage changed."""

    account: str
    time: int
    symbol: str
    leverage: int


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """An account changed between one-way and hedge mode."""

    account: str
    time: int
    hedge: bool


@dataclass(frozen=True, slots=True)
class MarginCalled:
    """Positions came near their liquidation; ``needed`` is the maintenance margin of each.

    ``cross_wallet`` is None for isolated positions.
    """

    account: str
    time: int
    cross_wallet: Decimal | None
    positions: tuple[UsdmPosition, ...]
    marks: tuple[Decimal, ...]
    needed: tuple[Decimal, ...]


Settled = OrderChanged | AlgoChanged | AccountChanged | Income
UsdmEvent = Settled | MarginCalled | ConfigChanged | ModeChanged
