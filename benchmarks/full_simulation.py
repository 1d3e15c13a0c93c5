"""Time of the full simulation: one strategy, candle by candle, over one symbol-year of 1m candles.

Run from the root of the repository: ``python benchmarks/full_simulation.py``. It runs on one core.
If ``NOCTURNE_PEERS`` names a Python with nautilus_trader, its event engine trades the same rule on
the same candles in the same run (`peers/nautilus.py`); trades and result are compared first.
"""

from __future__ import annotations

from _peers import has_peer, run_peer
from _targets import Targets
from _year import FEE_BPS, NO_FILTERS, a_year, best_of_both

from trading.candles import CandleColumns
from trading.jit import compiler
from trading.simulation import BacktestResult, Costs, backtest
from trading.strategies.registry import get_strategy

RULE = {"k": 0.5, "take_profit": 0.05, "stop_loss": 0.02}
VALUES = NO_FILTERS | RULE | {"trigger": "cross"}
# The peer fills market orders at the close of the candle that decided them, we at the next open:
# on one-minute candles of a liquid market that is a fraction of a basis point per trade.
TOLERANCE = 1e-4


def compare(targets: Targets, candles: CandleColumns, ours: BacktestResult, seconds: float) -> None:
    """Time the peer's event engine on the same candles; ``seconds`` is our time per run."""
    what = "nautilus_trader / ours, a candle"
    if not has_peer("nautilus_trader"):
        targets.not_taken(what, "the peer is not installed")
        return
    peer = run_peer("nautilus", candles, RULE | {"fee": FEE_BPS / 10_000})
    if peer is None:
        targets.not_taken(what, "the peer failed")
        return
    print(f"nautilus_trader {peer['version']:<18} {peer['seconds']:9.3f} s, data loaded before")
    print(f"{'  candles a second':<34} {peer['bars'] / peer['seconds']:9.0f}")
    trades, result = peer["trades"], peer["total_return"]
    print(f"{'  trades, theirs and ours':<34} {trades:>9} {len(ours.trades)}")
    print(f"{'  result, theirs and ours':<34} {result:9.6f} {ours.metrics.total_return:.6f}")
    same = trades == len(ours.trades)
    if not same or abs(result - ours.metrics.total_return) > TOLERANCE:
        targets.not_taken(what, "the peer traded something else")
        return
    per_candle = peer["seconds"] / peer["bars"] / (seconds / len(candles))
    targets.at_least(what, per_candle, 500)


def main() -> None:
    """Print the time of a run and its ratio to the peer's."""
    targets = Targets()
    compiler.enable()
    strategy, candles, costs = get_strategy("breakout"), a_year(), Costs(FEE_BPS)
    first = backtest(strategy, candles, VALUES, costs)
    print(f"compile       {first.seconds_compile:9.3f} s; {len(first.trades)} trades")
    wall, used = best_of_both(25, lambda: backtest(strategy, candles, VALUES, costs))
    targets.at_most("full simulation, a run", wall * 1e3, 5.0, "ms")
    print(f"{'  processor time':<34} {used * 1e3:9.4f} ms")
    print(f"{'  candles a second':<34} {len(candles) / wall:9.0f}")
    compare(targets, candles, first, wall)
    targets.finish()


if __name__ == "__main__":
    main()
