"""Comparisons of computed values that ignore rounding noise (kernels).

Two values that differ by less than ``NOISE`` of their scale are equal: a mean of equal closes, or
an index after an unchanged close, differs in its last digits only. A comparison with NaN is False.
"""

from __future__ import annotations

from trading.jit.kernel import kernel

NOISE = 1e-12


@kernel
def exceeds(value: float, other: float, scale: float) -> bool:
    """Return whether ``value`` is above ``other`` by more than the noise of ``scale``."""
    return value - other > NOISE * scale


@kernel
def above(value: float, other: float) -> bool:
    """Return whether ``value`` is above ``other`` by more than the noise of the larger one."""
    return value - other > NOISE * max(abs(value), abs(other))


@kernel
def sign(difference: float, scale: float) -> float:
    """Return 1 or -1 for a difference of values of the size ``scale``, 0 for noise and NaN."""
    noise = NOISE * scale
    if difference > noise:
        return 1.0
    return -1.0 if -difference > noise else 0.0
