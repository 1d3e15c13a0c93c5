"""The interval of a strategy's signals where nothing is said: its own, as in the night."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from trading.candles import interval_ms, interval_name
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value


def with_signal_interval(
    strategy: Strategy,
    settings: Mapping[str, Value],
    base_ms: int,
    searched: Collection[str] = (),
) -> dict[str, Value]:
    """Return the settings, with ``signal_tf`` where the strategy's own cannot be built.

    Signals come from candles of the strategy's ``signal_tf``, as in the night. Candles of a file
    that are longer, or no divisor of it, become the signal candles themselves; so do those of the
    filters.
    """
    found = dict(settings)
    for name in ("signal_tf", "filter_tf"):
        if name in found or name in searched or not strategy.has(name):
            continue
        if interval_ms(str(strategy.parameter(name).default)) % base_ms:
            found[name] = interval_name(base_ms)
    return found
