"""A steered account trades as the engine of the back-test does, decision by decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trading.candles import CandleColumns
from trading.errors import ParameterError
from trading.jit import backends
from trading.models.policy import Policy, PolicyData, PolicySettings, Scale, packed, share_of
from trading.positions.exit_rules import ExitRules, FillRates
from trading.simulation import Costs
from trading.simulation.engines import workspace
from trading.simulation.layout import Signals
from trading.simulation.policy_steps import SteeredAccount
from trading.simulation.prepared_candles import PreparedCandles

EXITS = ExitRules(emergency_stop=0.003)
COSTS = Costs(5.0, 1.0)


@pytest.fixture(scope="module")
def candles(bitcoin: CandleColumns) -> CandleColumns:
    return bitcoin.rows(0, 6_000)


def decided(candles: CandleColumns) -> np.ndarray:
    return np.arange(30, len(candles), 15)


def steered(
    candles: CandleColumns, wanted: np.ndarray, *, compiled: bool = False
) -> SteeredAccount:
    account = SteeredAccount(candles, decided(candles), EXITS, COSTS, compiled=compiled)
    for share in wanted:
        account.step(share)
    return account


def test_whole_shares_make_the_trades_of_the_engine(candles: CandleColumns) -> None:
    funding = {int(candles.open_time[row]): 0.0003 for row in range(480, len(candles), 480)}
    costs = replace(COSTS, funding=funding)
    rows, random = decided(candles), np.random.default_rng(3)
    account = SteeredAccount(candles, rows, EXITS, costs, compiled=False)
    entries, exits = [], []
    while not account.is_over:
        place = account.place
        wanted = float(random.random() < 0.6)
        (entries if wanted and not account.share else exits if not wanted else []).append(
            rows[place]
        )
        account.step(wanted)
    backend = backends.backend(False)
    prepared = PreparedCandles(candles.rows(0, int(rows[-1]) + 1), backend, funding)
    nothing = backend.zeros(0)
    atrs = backend.floats([float("nan")] * len(entries))
    signals = Signals(entries, atrs, nothing, exits, nothing)
    rules = np.array(EXITS.layout(1, FillRates(0.0005, 0.0001, None)))
    ran = workspace.simulate(prepared, signals, rules, prepared.window())
    trades = ran.trades(prepared.candles, rules)
    assert len(trades) > 20
    assert set(trades.reason) >= {"emergency_stop", "strategy_exit"}
    assert account.trades == len(trades)
    assert account.equity == pytest.approx(float(np.prod(1.0 + trades.net_return)), rel=1e-12)


def test_both_backends_give_the_same_bits(candles: CandleColumns) -> None:
    wanted = np.random.default_rng(5).choice([0.0, 0.3, 1.0], len(decided(candles)) - 1)
    plain, compiled = steered(candles, wanted), steered(candles, wanted, compiled=True)
    assert (plain.equity, plain.trades) == (compiled.equity, compiled.trades)


def test_no_position_earns_nothing_and_half_a_position_half(candles: CandleColumns) -> None:
    calm = SteeredAccount(candles, decided(candles), ExitRules(), COSTS, compiled=False)
    assert calm.step(0.0) == 0.0
    assert calm.equity == 1.0
    gains = []
    for share in (1.0, 0.5):
        calm.reset()
        calm.step(share)
        first = calm.equity
        assert first < 1.0  # a position is worth what its sale would bring in
        calm.step(share)
        gains.append(calm.equity - 1.0)
    assert gains[1] == pytest.approx(gains[0] / 2.0)


def test_the_reward_is_the_return_and_the_change_of_the_sharpe_ratio(
    candles: CandleColumns,
) -> None:
    rows = decided(candles)
    plain = SteeredAccount(candles, rows, ExitRules(), COSTS, (1.0, 0.0, 0.01), compiled=False)
    shaped = SteeredAccount(candles, rows, ExitRules(), COSTS, (0.0, 1.0, 0.01), compiled=False)
    mean = square = before = 0.0
    for _ in range(40):
        gained = plain.step(1.0)
        assert gained == pytest.approx(plain.equity / (1.0 + before) - 1.0, abs=1e-12)
        before = plain.equity - 1.0
        spread = square - mean * mean
        expected = 0.0
        if spread > 1e-14:
            rise = square * (gained - mean) - 0.5 * mean * (gained**2 - square)
            expected = float(np.clip(rise / spread**1.5, -5.0, 5.0))
        assert shaped.step(1.0) == pytest.approx(expected, rel=1e-9)
        mean, square = mean + 0.01 * (gained - mean), square + 0.01 * (gained**2 - square)


def test_decisions_need_rows_in_order(candles: CandleColumns) -> None:
    for rows in ([5], [5, 5], [5, len(candles)]):
        with pytest.raises(ParameterError, match="two or more rows of the candles"):
            SteeredAccount(candles, np.array(rows), EXITS, COSTS, compiled=False)


def test_a_policy_is_data_that_numpy_reads_and_runs(candles: CandleColumns) -> None:
    random = np.random.default_rng(1)
    shapes = {"latent_pi.0": (8, 3), "latent_pi.2": (8, 8), "mu": (1, 8)}
    tensors = {f"{name}.weight": random.normal(size=size) for name, size in shapes.items()}
    tensors |= {f"{name}.bias": np.zeros(size[0]) for name, size in shapes.items()}
    rows = decided(candles)
    data = PolicyData(candles, rows, random.normal(size=(len(rows), 2)), COSTS)
    policy = Policy(PolicySettings(), Scale.of(data.features), packed(tensors, ""))
    again = Policy.of_bytes(policy.to_bytes())
    wanted, account = policy.shares(data, compiled=False)
    assert again.to_bytes() == policy.to_bytes()
    assert again.shares(data, compiled=False)[0].tolist() == wanted.tolist()
    assert account.is_over
    assert 0.0 < wanted.mean() < 1.0
    assert share_of(-1.0, 0.1) == share_of(-0.9, 0.1) == 0.0
    assert share_of(1.0, 0.1) == 1.0


def test_a_few_steps_to_the_last_digit() -> None:
    """Half of the equity goes in at 100 and out at 120; between, a sale at the close counts."""
    opens = np.array([100.0, 100.0, 110.0, 120.0, 120.0])
    closes = np.array([100.0, 110.0, 120.0, 120.0, 120.0])
    times = [60_000 * row for row in range(5)]
    low, high = np.minimum(opens, closes), np.maximum(opens, closes)
    few = CandleColumns.of(times, opens, high, low, closes)
    rows = np.array([0, 1, 2, 3])
    account = SteeredAccount(few, rows, ExitRules(), Costs(0.0, 0.0), compiled=False)
    found = []
    for wanted in (0.5, 0.5, 0.0):
        account.step(wanted)
        found.append((account.equity, account.trades, account.share))
    assert found == [
        (pytest.approx(1.05), 0, 0.5),
        (pytest.approx(1.10), 0, 0.5),
        (pytest.approx(1.10), 1, 0.0),
    ]
    assert (len(account), account.is_over) == (3, True)
