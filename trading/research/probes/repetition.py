"""Repetition probe: the same candles must give the same decisions, whatever was computed before.

A step that keeps state outside of its buffer (a global, a file, an attribute of the strategy) can
know the future from an earlier run: in a back-test it wins, and live it has never seen tomorrow. So
the plain step runs on the first candles before it has seen any later ones, then on all, then on
the first candles once more. The compiled step must also decide as the plain one, which trades live.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading.candles import CandleColumns, Floats
from trading.errors import KernelError
from trading.research.probes.series import BACKENDS, MEMORY, Change, ProbedSeries, compare
from trading.simulation import Costs
from trading.simulation.backtest import decide, fast_trades
from trading.strategies.base import Strategy
from trading.strategies.layout import ACTION, ATR, LIMIT, REASON, SEEN
from trading.strategies.parameters import Value

DECIDED = {"action": ACTION, "reason": REASON, "seen": SEEN, "limit": LIMIT, "atr": ATR}
"""The columns of a decision that a probe compares."""

PLAIN_ROWS = 20_000
"""Most candles that plain Python decides on, about 10 microseconds each."""

_FIRST_SHARE = 0.75


def repeated(
    strategy: Strategy, params: Mapping[str, Value], candles: CandleColumns, rows: int
) -> tuple[int, list[Change]]:
    """Decide three times on the last ``rows`` candles; return the values compared and changes.

    It finds state that outlives a run only if the strategy decided on none of the candles before.
    """
    recent = last_rows(candles, rows)
    first = recent.rows(0, max(2, round(len(recent) * _FIRST_SHARE)))
    innocent = _plain(strategy, params, first)
    informed = _plain(strategy, params, recent)
    again = _plain(strategy, params, first)
    end = int(first.open_time[-1]) + first.interval_ms
    compared, changes = 0, []
    for other in (again, informed):
        count, found = compare(
            decision_series(MEMORY, first, innocent),
            decision_series(MEMORY, recent if other is informed else first, other),
            end,
        )
        compared += count
        changes += found
    return compared, changes


def backends_disagree(
    strategy: Strategy, params: Mapping[str, Value], candles: CandleColumns, rows: int
) -> tuple[int, list[Change]]:
    """Compare plain and compiled decisions on the last ``rows`` candles, as :func:`repeated`."""
    recent = last_rows(candles, rows)
    end = int(recent.open_time[-1]) + recent.interval_ms
    return compare(
        decision_series(BACKENDS, recent, _plain(strategy, params, recent)),
        decision_series(BACKENDS, recent, decide(strategy, recent, params)),
        end,
    )


def compiles(strategy: Strategy, params: Mapping[str, Value], candles: CandleColumns) -> bool:
    """Return whether the kernels of ``strategy`` compile."""
    try:
        fast_trades(strategy, candles.rows(0, min(len(candles), 2)), params, Costs())
    except KernelError:
        return False
    return True


def decision_series(name: str, candles: CandleColumns, stream: Floats) -> ProbedSeries:
    """Return the decider's output as values that are final once their candle has closed."""
    times = candles.open_time
    columns = {column: stream[:, at] for column, at in DECIDED.items()}
    return ProbedSeries(name, times, times + candles.interval_ms, columns)


def last_rows(candles: CandleColumns, rows: int) -> CandleColumns:
    """Return the last ``rows`` candles, or all where there are fewer."""
    return candles.rows(max(0, len(candles) - rows), len(candles))


def _plain(strategy: Strategy, params: Mapping[str, Value], candles: CandleColumns) -> Floats:
    return decide(strategy, candles, params, compiled=False)
