"""Soft Actor-Critic on bundled candles, five seeds, against holding and flat, after costs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cli.inputs.candle_files import read_candles
from trading.candles import DAY_MS, HOUR_MS, CandleColumns, Floats, Integers
from trading.jit import compiler
from trading.models.policy import (
    PolicyData,
    PolicySettings,
    Scale,
    environment,
    fit_policy,
)
from trading.research.overfitting import deflated_sharpe, sharpe_ratios
from trading.simulation.policy_steps import SteeredAccount
from trading.simulation.results import Costs

SEEDS = (7, 8, 9, 10, 11)
TRAINED = 0.7
EVERY = 60
LOOKS = (15, 60, 240, 1_440)
COSTS = Costs(5.0, 1.0)
SETTINGS = PolicySettings(steps=3_000)
Row = list[str]


@dataclass(frozen=True)
class Market:
    """The two parts of one symbol's candles: what is learnt from, and the days after it."""

    train: PolicyData
    test: PolicyData


def market(file: Path) -> Market:
    """Cut candles in time; an hour is decided at its close."""
    candles = read_candles(file)
    rows = np.flatnonzero((candles.open_time + candles.interval_ms) % HOUR_MS == 0)
    rows = rows[rows >= LOOKS[-1]]
    cut = rows[round(TRAINED * len(rows))]
    return Market(_data(candles, rows[rows <= cut]), _data(candles, rows[rows > cut]))


def _data(candles: CandleColumns, rows: Integers) -> PolicyData:
    """Return moves and volatilities of a quarter of an hour to a day, known at ``rows``."""
    moves = np.diff(np.log(candles.close), prepend=np.log(candles.close[0]))
    sums, squares = np.cumsum(moves), np.cumsum(moves * moves)
    columns = [sums[rows] - sums[rows - look] for look in LOOKS]
    columns += [np.log(squares[rows] - squares[rows - look] + 1e-12) for look in LOOKS]
    return PolicyData(candles, rows, np.stack(columns, axis=1), COSTS)


def constant(data: PolicyData, share: float) -> tuple[Floats, SteeredAccount]:
    """Hold the same share at every decision; the equity after each, and the account."""
    return traded(data, np.full(len(data.decided) - 1, share))


def traded(data: PolicyData, wanted: Floats) -> tuple[Floats, SteeredAccount]:
    """Trade the shares; the equity after each decision, and the account."""
    account, equity = data.account(SETTINGS), []
    for share in wanted:
        account.step(float(share))
        equity.append(account.equity)
    return np.array(equity), account


def daily(data: PolicyData, equity: Floats) -> Floats:
    """Return the returns of the UTC days."""
    days = data.candles.open_time[data.decided[1:]] // DAY_MS
    last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1)
    closes = np.concatenate(([1.0], equity[last]))
    return np.asarray(closes[1:] / closes[:-1] - 1.0)


def steps_a_second(data: PolicyData, repeats: int = 5) -> float:
    """Return the environment's steps in a second of the processor, at their best."""
    world = environment(data, Scale.of(data.features), SETTINGS)
    actions = [np.array([value], np.float32) for value in (0.4, 0.4, -1.0)]
    best = 0.0
    for _ in range(repeats):
        world.reset()
        over, steps, begun = False, 0, time.process_time()
        while not over:
            _, _, over, _, _ = world.step(actions[steps % 3])
            steps += 1
        best = max(best, steps / (time.process_time() - begun))
    return best


def policy_rows(folder: Path) -> list[Row]:
    """Return the rows of the table: flat, hold, and SAC with its seeds, over two symbols."""
    compiler.enable()
    return list(_rows([market(file) for file in sorted(folder.glob("*.parquet"))[:2]]))


def _rows(markets: Sequence[Market]) -> Iterator[Row]:
    task, n = "policy by the hour", sum(len(one.test.decided) - 1 for one in markets)
    yield [task, "flat", *["–"] * 4, "return 0", "–", "0", "–", str(n), "1"]
    held = [constant(one.test, 1.0) for one in markets]
    total = float(np.mean([equity[-1] - 1.0 for equity, _ in held]))
    yield [task, "hold", *["–"] * 4, f"return {total:+.1%}", "–", "2", "–", str(n), "1"]
    returns, trades, days = [], 0, []
    for seed in SEEDS:
        runs = []
        for one in markets:
            policy = fit_policy(one.train, replace(SETTINGS, seed=seed))
            equity, account = traded(one.test, policy.shares(one.test)[0])
            runs.append((equity[-1] - 1.0, daily(one.test, equity)))
            trades += account.trades
        returns.append(float(np.mean([total for total, _ in runs])))
        days.append(np.mean([own for _, own in runs], axis=0))
    ratios = sharpe_ratios(np.stack(days))
    best = int(np.argmax(ratios))
    luck = deflated_sharpe(days[best], ratios)
    yield [
        task, "SAC", *["–"] * 4,
        f"return {np.mean(returns):+.1%} ± {np.std(returns, ddof=1):.1%}", "–",
        str(round(trades / len(SEEDS))), f"{luck.probability:.2f}", str(n), str(len(SEEDS)),
    ]  # fmt: skip
