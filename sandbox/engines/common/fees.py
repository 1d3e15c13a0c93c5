"""Commission rates."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Fees:
    """Commission as a fraction of the notional (defaults: the first tier of USDⓈ-M futures)."""

    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")
