"""What a venue can do; risk, protection and reconciliation ask this, never a venue's name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protection(StrEnum):
    """How a position is protected at a venue."""

    EXCHANGE_STOP = "exchange_stop"
    """Stop and target rest side by side; whichever fires closes the position."""
    OCO = "oco"
    """Stop and target rest as a pair, for both lock the same balance: one cancels the other."""
    GUARDED = "guarded"
    """No order can rest: this process watches the price, every half second."""


PROMISE = {
    Protection.EXCHANGE_STOP: "venue-confirmed",
    Protection.OCO: "venue-confirmed",
    Protection.GUARDED: "guarded",
}
"""The words for the protection of an open position, wherever it is shown."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The abilities of one venue."""

    protection: Protection
    short_selling: bool
    margin: bool
    """Positions are held on margin with a leverage; else every purchase is paid for in full."""
    reduce_only: bool
    """An order can be limited to closing: sent twice, it does no harm."""
    dust_conversion: bool = False
    """Remainders too small to sell can be turned into another asset."""

    @property
    def holds_balances(self) -> bool:
        """Whether a position is a balance: what exceeds ours is simply the account's own."""
        return not self.margin
