"""Money as ``Decimal``: conversions that keep every digit."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
CENT8 = Decimal("0.00000001")


def plain(value: Decimal) -> str:
    """Format ``value`` without exponent, as the exchange writes numbers."""
    text = str(value)  # several times as fast as format(), same but for exponents
    return format(value, "f") if "E" in text else text


def money(value: Decimal) -> Decimal:
    """Round ``value`` to the wallet's eight decimals (half to even)."""
    return value.quantize(CENT8, rounding=ROUND_HALF_EVEN)


def money_text(value: Decimal) -> str:
    """Format ``value`` with exactly eight decimals."""
    return format(money(value), "f")


def decimals_of(step: Decimal) -> int:
    """Count the decimals that a multiple of ``step`` can need: 0.10 -> 1, 0.001 -> 3, 1 -> 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def to_multiple(value: float, step: Decimal) -> Decimal:
    """Return the multiple of ``step`` nearest to a recorded floating-point ``value``."""
    return (Decimal(repr(value)) / step).quantize(ONE, rounding=ROUND_HALF_EVEN) * step
