"""Time of the fast search: 440 combinations of breakout over one symbol-year of 1m candles.

Run from the root of the repository: ``python benchmarks/search.py``. The same run also times a
plain compiled loop over the year's candles that knows only the strategy's rules, and vectorbt's
``from_signals`` on its Rust engine if ``NOCTURNE_PEERS`` names a Python that has it, for both
triggers of breakout. The ratios are what counts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from _peers import has_peer, run_peer
from _targets import Targets
from _year import (
    FEE_BPS,
    NO_FILTERS,
    a_year,
    best_of,
    best_of_both,
    sample_rows,
    the_grid,
)
from numba import njit

from trading.candles import DAY_MS, HOUR_MS, CandleColumns
from trading.jit import compiler
from trading.positions.exit_rules import ExitRules
from trading.simulation import Costs, search
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy
from trading.strategies.technical.breakout import Breakout

COSTS = Costs(FEE_BPS)
COMPARED = 55  # one in 55 combinations
PAIRS = 25


class LadderBreakout(Breakout):
    """Breakout with a trailing stop and a ladder of two steps."""

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """Add a trail of a third of the take-profit, and two steps on the way there."""
        target = float(params["take_profit"])
        ladder = ((target / 4, 0.25), (target / 2, 0.25))
        return replace(super().exit_rules(params), trailing_stop=target / 3, partials=ladder)


@njit(nogil=True)
def candle_loop(columns, k, take_profit, stop_loss, fee):  # type: ignore[no-untyped-def]
    """Return the final equity of the strategy's rules, one candle after the other."""
    times, opens, highs, lows, closes = columns
    equity, entry, inside, wants = 1.0, 0.0, False, False
    day, high, low, target = -2, 0.0, 0.0, np.inf
    whole = times[0] % DAY_MS == 0
    for i in range(len(times)):
        today = times[i] // DAY_MS
        if today != day:
            known = today == day + 1 and day >= 0 and whole
            target = opens[i] + (high - low) * k if known else np.inf
            whole = whole or day >= 0
            day, high, low = today, highs[i], lows[i]
        high, low = max(high, highs[i]), min(low, lows[i])
        last_of_day = i + 1 == len(times) or times[i + 1] // DAY_MS != today
        if wants:
            inside, wants, entry = True, False, opens[i]
        if inside:
            price = 0.0
            if lows[i] <= entry * (1 - stop_loss):
                price = entry * (1 - stop_loss)
            elif highs[i] >= entry * (1 + take_profit):
                price = entry * (1 + take_profit)
            elif last_of_day:
                price = closes[i]
            if price > 0.0:
                equity *= price / entry * (1 - fee) / (1 + fee)
                inside = False
        elif not last_of_day and i > 0 and closes[i] > target >= closes[i - 1]:
            wants = True
    return equity


def rules_of(trigger: str) -> dict[str, Value]:
    """Return the fixed parameters: no filters, and the trigger of breakout."""
    return {**NO_FILTERS, "trigger": trigger}


def compare(targets: Targets, candles: CandleColumns, trigger: str, fast: float) -> None:
    """Time vectorbt's ``from_signals`` on the same rule; ``fast`` is our time per combination.

    Results are compared on the real sample before its first repetition: there the price jumps, and
    a stop inside the jump fills at another price.
    """
    what = f"vectorbt / fast search, {trigger}"
    if not has_peer("vectorbt"):
        targets.not_taken(what, "the peer is not installed")
        return
    chosen, rows = the_grid()[::COMPARED], sample_rows()
    ours = search(
        get_strategy("breakout"), candles.rows(0, rows), chosen, rules_of(trigger), COSTS
    ).results
    settings = {"grid": chosen, "rows": rows, "fee": FEE_BPS / 10_000, "trigger": trigger}
    peer = run_peer("vectorbt_signals", candles, settings)
    if peer is None:
        targets.not_taken(what, "the peer failed")
        return
    print(f"vectorbt {peer['version']:<25} {peer['seconds'] * 1e3:9.1f} ms a combination")
    trades = [row.metrics.trades for row in ours]
    gaps = [
        abs(row.metrics.total_return - theirs)
        for row, theirs in zip(ours, peer["total_returns"], strict=True)
    ]
    print(f"{'  trades, theirs and ours':<34} {sum(peer['trades']):>9} {sum(trades)}")
    print(f"{'  largest difference of a result':<34} {max(gaps):9.1e}")
    if peer["trades"] != trades or max(gaps) > 1e-9:
        targets.not_taken(what, "the peer traded something else")
        return
    targets.at_least(what, peer["seconds"] / fast, 1_000)


def cost_of_funding(
    strategy: Strategy, candles: CandleColumns, grid: list[dict[str, float]]
) -> float:
    """Return the processor time of a search with rates every eight hours over one without."""
    times = range(int(candles.open_time[0]), int(candles.open_time[-1]), 8 * HOUR_MS)
    paid = replace(COSTS, funding=dict.fromkeys(times, 1e-4))
    used: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS):
        for costs, seconds in zip((COSTS, paid), used, strict=True):
            begun = time.process_time()
            search(strategy, candles, grid, rules_of("cross"), costs)
            seconds.append(time.process_time() - begun)
    return min(used[1]) / min(used[0])


def main() -> None:
    """Print seconds, milliseconds per combination, and the ratios."""
    compiler.enable()
    started = time.perf_counter()
    candles, grid = a_year(), the_grid()
    print(f"load          {time.perf_counter() - started:9.3f} s")
    strategy, fee = get_strategy("breakout"), FEE_BPS / 10_000
    crossing = rules_of("cross")
    first = search(strategy, candles, grid, crossing, COSTS)
    staged = search(LadderBreakout(), candles, grid, crossing, COSTS)
    seconds = first.seconds_compile + staged.seconds_compile
    print(f"compile       {seconds:9.3f} s (kept on disk for the next process)")
    columns = (candles.open_time, candles.open, candles.high, candles.low, candles.close)

    def loop(values: dict[str, float]) -> float:
        ending = candle_loop(columns, values["k"], values["take_profit"], values["stop_loss"], fee)
        return float(ending)

    for values, row in zip(grid[::37], first.results[::37], strict=True):
        assert abs(loop(values) - 1.0 - row.metrics.total_return) < 1e-9

    def all_of(chosen: Any, trigger: str = "cross") -> Any:
        return search(chosen, candles, grid, rules_of(trigger), COSTS).results

    fast, used = (s / len(grid) for s in best_of_both(25, lambda: all_of(strategy)))
    level, spent = (s / len(grid) for s in best_of_both(25, lambda: all_of(strategy, "level")))
    plain = best_of(3, lambda: [loop(values) for values in grid[::10]]) / len(grid[::10])
    ladder, more = (s / len(grid) for s in best_of_both(15, lambda: all_of(LadderBreakout())))
    print(f"{len(grid)} combinations, {len(candles)} candles, measures included")
    targets = Targets()
    targets.at_most("fast search, a combination", fast * 1e3, 0.05, "ms")
    print(f"{'  processor time':<34} {used * 1e3:9.4f} ms")
    targets.at_most("with trigger = level", level * 1e3, 0.05, "ms")
    print(f"{'  processor time':<34} {spent * 1e3:9.4f} ms")
    targets.at_most("with trailing stop and ladder", ladder * 1e3, 0.2, "ms")
    print(f"{'  processor time':<34} {more * 1e3:9.4f} ms")
    print(f"{'plain compiled candle loop':<34} {plain * 1e3:9.4f} ms a combination")
    targets.at_least("plain loop / fast search", plain / fast, 8)
    for name, chosen in (
        ("funding / none", strategy),
        ("with ladder, funding / none", LadderBreakout()),
    ):
        ratio = cost_of_funding(chosen, candles, grid)
        targets.at_most(f"{name}: funding / none", ratio, 1.1, "times")
    compare(targets, candles, "cross", fast)
    compare(targets, candles, "level", level)
    targets.finish()


if __name__ == "__main__":
    main()
