"""What every strategy declares: parameters with bounds, warm-up, sizes, as lines of text."""

from __future__ import annotations

from tests.trading.quick_values import quick_values
from tests.trading.recorded.markets import number
from trading.candles import MINUTE_MS, interval_name
from trading.strategies.registry import get_strategy, strategy_names
from trading.strategies.setup import Setup

NOW_MS = 1_746_800_000_000


def declarations(name: str) -> list[str]:
    """Return the parameters of a strategy, and what it needs with its defaults and others."""
    strategy = get_strategy(name)
    lines = [f"side {strategy.side}, until the end of the day: {strategy.day_end}"]
    for one in strategy.parameters:
        choices = f" of {', '.join(one.choices)}" if one.choices else ""
        bounds = f"{number(one.low)} to {number(one.high)}"
        lines.append(f"{one.name} ({one.kind}) = {one.default}, {bounds}{choices}")
    for what, values in (("default", {}), ("quick", quick_values(name))):
        setup = Setup.of(strategy, values, MINUTE_MS)
        history = {interval_name(tf): candles for tf, candles in setup.history_needed().items()}
        rules = strategy.exit_rules(setup.params)
        lines += [
            f"{what}: needs {history}, state {setup.state_size}, bare: {setup.is_bare}",
            f"{what}: is replayed from {strategy.replay_from(setup.params, NOW_MS) - NOW_MS}",
            f"{what}: {' '.join(number(value) for value in setup.par)}",
            f"{what}: {strategy.sizing(setup.params)}",
            f"{what}: {rules}",
            f"{what}, live: {strategy.live_rules(setup.params, 5)}",
        ]
    return lines


def recorded() -> dict[str, list[str]]:
    """Return the lines of every strategy."""
    return {name: declarations(name) for name in strategy_names()}
