"""Whon both backends compute on real candles; run as a script it is the plain half, without numba.

python backend_pairs.py CANDLES.parquet OUT.npz ROWS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from trading.candles import HOUR_MS, MINUTE_MS, CandleColumns
from trading.indicators.core import (
    adx_step,
    atr_step,
    bollinger_step,
    ema_step,
    macd_step,
    rsi_step,
    sma_step,
)
from trading.indicators.rolling import (
    bollinger_width,
    day_vwap_step,
    rank_step,
    roc_step,
    vwap_step,
)
from trading.indicators.zigzag import anchored_step
from trading.jit.kernel import kernel
from trading.market.rows import Bar
from trading.positions.exit_rules import Addition, ExitRules, LevelShares
from trading.positions.position import POSITION_SIZE, candle_exit, exit_level, open_position
from trading.simulation import Costs, backtest, fast_trades
from trading.simulation.backtest import decide
from trading.strategies.registry import get_strategy, strategy_names
from trading.strategies.technical.rsi_bollinger import RsiBollinger

WIDTH = 17
EAGER = {"min_volatility": 0.0, "min_adx": 0.0, "trend_span": 20, "filter_tf": "15m"}
CASES = {
    "letter": ("breakout", {"filters": "off", "signal_tf": "1m", "k": 0.1, "take_profit": 0.01}),
    "trailing": ("breakout", EAGER | {"signal_tf": "5m", "k": 0.1, "trailing_stop": 0.004}),
    "atr": (
        "breakout",
        EAGER | {"signal_tf": "15m", "k": 0.1, "stop_loss": 0, "atr_multiplier": 1.0},
    ),
    "reversion": ("rsi_bollinger", {"filters": "off", "signal_tf": "5m", "rsi_entry": 40.0}),
    "filtered": (
        "rsi_bollinger",
        EAGER | {"signal_tf": "1m", "rsi_entry": 50.0, "band_width": 0.5, "hourly_trend": "on"},
    ),
}
# Every strategy, those above too, with its own defaults on minute candles.
ICT = {"trend_tf": "15m", "zone_tf": "5m", "length": 3, "pool_tolerance": 0.003}
FORECAST = {"weight_return_1": -0.5, "weight_rsi": 0.002, "least_move": 0.0002}
ALL = {"filters": "off", "signal_tf": "1m"} | ICT | FORECAST
CASES |= {name: (name, get_strategy(name).accepted(ALL)) for name in strategy_names()}
# Windows that fill within days, and conditions that a calm symbol meets.
SURGE = {"signal_tf": "1m", "long_span": 120, "band_span": 60, "scan": "off", "m1_needed": 3}
CASES["surge"] = ("surge", SURGE)


BY_RISK = {"filters": "off", "signal_tf": "5m", "leverage": 5.0, "trailing_stop": 0.002}
CASES |= {
    f"by {sizing}": ("breakout", BY_RISK | {"k": 0.1, "sizing": sizing})
    for sizing in ("risk", "turtle", "volatility")
}


OFTEN = {"filters": "off", "signal_tf": "5m", "rsi_entry": 40.0}
STAGED = ExitRules(
    stop_loss=0.010,
    emergency_stop=0.011,
    trailing_stop=0.002,
    half_close=0.006,
    partials=((0.003, 0.2), (0.005, 0.2)),
    additions=(Addition(0.002, 4 / 3, 0.008), Addition(0.004, 4 / 3, 0.006)),
    leverage=20.0,
    liquidation_guard=0.2,
    time_exit_ms=20 * HOUR_MS,
)


class Staged(RsiBollinger):
    """Positions that change in stages, in both directions."""

    def exit_rules(self, params):
        del params
        return STAGED


class StagedShort(Staged):
    side = -1


@kernel
def run_indicators(times, highs, lows, closes, volumes, states, out):
    """All indicators over all candles; a state of 100 floats each."""
    for i in range(len(closes)):
        at = i * WIDTH
        out[at] = ema_step(states, 0, 50, closes[i])
        turn = times[i] // MINUTE_MS
        out[at + 1] = sma_step(states, 100, 20, turn, closes[i])
        out[at + 2] = rsi_step(states, 200, 14, closes[i])
        lower, middle, upper = bollinger_step(states, 300, 20, 2.0, turn, closes[i])
        out[at + 3], out[at + 4], out[at + 5] = lower, middle, upper
        out[at + 6] = atr_step(states, 400, 14, highs[i], lows[i], closes[i])
        out[at + 7] = adx_step(states, 500, 14, highs[i], lows[i], closes[i])
        line, signal, difference = macd_step(states, 600, 12, 26, 9, closes[i])
        out[at + 8], out[at + 9], out[at + 10] = line, signal, difference
        out[at + 11] = bollinger_width(lower, middle, upper)
        out[at + 12] = roc_step(states, 700, 10, closes[i])
        out[at + 13] = rank_step(states, 800, 40, volumes[i])
        out[at + 14] = day_vwap_step(states, 900, times[i], closes[i], volumes[i])
        out[at + 15] = vwap_step(states, 1000, 30, turn, closes[i], volumes[i])
        distance = 2.0 * out[at + 6]
        bar = Bar(times[i], MINUTE_MS, closes[i], highs[i], lows[i], closes[i], volumes[i])
        turned = anchored_step(states, 1200, 250, distance, bar)
        out[at + 16] = float(turned)


@kernel
def run_positions(opens, highs, lows, closes, state, side, out):
    """Positions of every kind, one after the other: exit code and level of each candle."""
    code = 1
    for i in range(len(closes)):
        if code != 0:
            atr = 0.001 * closes[i]
            stop = 0.004 * (i % 3)
            trail, arm = 0.003 * (i % 2), 0.004 * (i % 5)
            shares = LevelShares(0.01, stop, 2.0, trail, 0.007, arm, 1.0 * (i // 2 % 2))
            open_position(state, side, opens[i], atr, shares)
        code = candle_exit(state, opens[i], highs[i], lows[i], closes[i], i // 700 % 2)
        out[2 * i] = code
        out[2 * i + 1] = exit_level(state, code, closes[i])


def compute(path: Path, rows: int, compiled: bool) -> dict[str, np.ndarray]:
    """Everything that must be equal to the bit over the first ``rows`` candles, by name."""
    table = pq.read_table(path).slice(0, rows)
    prices = [table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    candles = CandleColumns.of(table["open_time"].cast("int64").to_numpy(), *prices)
    results = {}
    for case, (name, values) in CASES.items():
        strategy = get_strategy(name)
        results[f"decisions {case}"] = decide(strategy, candles, values, compiled=compiled)
        run = backtest(strategy, candles, values, Costs(5, 1), compiled=compiled)
        trades = run.trades
        columns = (trades.entry_time, trades.exit_time, trades.entry_price, trades.exit_price)
        columns += (trades.net_return, trades.risk_taken, trades.spent)
        results[f"trades {case}"] = np.column_stack(columns)
        results[f"measures {case}"] = np.array(list(run.metrics.as_dict().values()), dtype=float)
        results[f"days {case}"] = run.daily_returns
    for strategy in (Staged(), StagedShort()):
        run = backtest(strategy, candles, OFTEN, Costs(5, 1), compiled=compiled)
        fast, fills = fast_trades(strategy, candles, OFTEN, Costs(5, 1), compiled=compiled)
        name = f"staged {strategy.side}"
        results[f"trades {name}"] = np.column_stack([run.trades.net_return, fast.net_return])
        results[f"fills {name}"] = np.column_stack([run.fills.value, fills.price, fills.time])
        results[f"days {name}"] = run.daily_returns
    return results | _kernels(candles, compiled)


def _kernels(candles: CandleColumns, compiled: bool) -> dict[str, np.ndarray]:
    columns = [candles.open, candles.high, candles.low, candles.close]
    times, volumes = candles.open_time, candles.volume
    if compiled:
        from trading.jit.compiler import twin

        indicators, positions, zeros = twin(run_indicators), twin(run_positions), np.zeros
    else:
        indicators, positions = run_indicators, run_positions
        columns = [column.tolist() for column in columns]
        times, volumes = times.tolist(), volumes.tolist()

        def zeros(size):
            return [0.0] * size

    values = zeros(WIDTH * len(candles))
    indicators(times, *columns[1:], volumes, zeros(1300), values)
    results = {"indicators": np.asarray(values)}
    for side in (1, -1):
        exits = zeros(2 * len(candles))
        positions(*columns, zeros(POSITION_SIZE), side, exits)
        results[f"positions {side}"] = np.asarray(exits)
    return results


if __name__ == "__main__":
    # None in sys.modules makes the import fail: nothing in this half can be compiled.
    sys.modules["numba"] = None
    sys.modules["llvmlite"] = None
    np.savez(sys.argv[2], **compute(Path(sys.argv[1]), int(sys.argv[3]), compiled=False))
