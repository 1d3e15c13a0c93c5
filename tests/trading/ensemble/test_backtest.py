"""The allocation of an ensemble over recorded candles: by hand, and without look-ahead."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from executor.model import instrument_id
from executor.portfolio.allocation import Allocator
from lake.releases.ensemble_file import Ensemble, Member
from tests.trading.account_runs import run_account
from trading.candles import HOUR_MS, CandleColumns
from trading.ensemble.backtest import MemberHistory, allocate_ensemble, label_hours
from trading.ensemble.regimes import LABELS, RegimeRules
from trading.ensemble.weights import PAUSES, WeightRules, factor_of
from trading.errors import DataError
from trading.simulation import Costs, backtest
from trading.simulation.account.simulation import TradedStrategy
from trading.strategies.registry import get_strategy

RULES = WeightRules(least=0.2, most=0.8, step=0.5, prior_days=2.0, least_t=0.0)
CALM = [100.0 + 0.4 * (i * 7 % 5) for i in range(100)]
CRASH = [96.0, 93.0, *[86.0] * 18]

BTCUSDT = instrument_id("BTCUSDT", "binance_usdm")


def hours(closes: list[float]) -> CandleColumns:
    opens = [closes[0], *closes[:-1]]
    highs, lows = np.maximum(opens, closes) + 0.5, np.minimum(opens, closes) - 0.5
    times = [HOUR_MS * row for row in range(len(closes))]
    return CandleColumns.of(times, opens, highs, lows, closes)


def history(
    strategy: str, daily: list[float], entered: list[int], nets: list[float]
) -> MemberHistory:
    """Make a member whose trades entered at these hours and lasted one hour."""
    times = np.array(entered, dtype=np.int64) * HOUR_MS
    return MemberHistory(strategy, np.array(daily), times, times + HOUR_MS, np.array(nets))


def test_a_limit_is_the_weight_of_the_days_before_times_the_factor_of_the_hour():
    candles = hours([*CALM, *CRASH])
    members = [
        history("breakout", [0.01, 0.03, -0.1, 0.0, 0.5], [], []),
        history("rsi_bollinger", [-0.01, 0.0, 0.03, 0.0, 0.5], [62] * 20, [-0.01] * 20),
    ]
    found = label_hours(candles, RegimeRules(), compiled=False)
    allocation = allocate_ensemble(candles, members, found, RULES)
    # Equal until there are two days; then half of the way to 80 and 20 %, or 20 and 80 %.
    expected = [[0.5, 0.5], [0.5, 0.5], [0.65, 0.35], [0.425, 0.575], [0.3125, 0.6875]]
    np.testing.assert_allclose(allocation.weights, expected, rtol=1e-12)
    by_row = {
        10: ("unknown", 0.5 * 0.5, 0.5 * 0.5),
        50: ("unknown", 0.65 * 0.5, 0.35 * 0.5),
        70: ("range", 0.65 * 0.5, 0.35 * 1.0),  # its 20 losses end on this day: not known yet
        80: ("range", 0.425 * 0.5, 0.575 * 0.5),  # they were in a range: half of its factor
        101: ("range", 0.3125 * 0.5, 0.6875 * 0.5),
        102: ("crash", 0.0, 0.0),  # entries pause for four hours
        105: ("crash", 0.0, 0.0),
        106: ("crash", 0.0, 0.6875),  # then they are left to reversals
    }
    for row, (regime, first, second) in by_row.items():
        assert LABELS[allocation.labels[row]] == regime, row
        limits = [own[row] for own in allocation.limits]
        assert limits == pytest.approx([first, second], rel=1e-12), row


def test_nineteen_losses_or_a_gain_change_no_factor():
    candles = hours([*CALM, *CRASH])
    found = label_hours(candles, RegimeRules(), compiled=False)
    for nets in ([-0.01] * 19, [-0.01] * 20 + [0.3]):
        one = history("rsi_bollinger", [0.0] * 5, [62] * len(nets), nets)
        allocation = allocate_ensemble(candles, [one], found, WeightRules())
        assert allocation.limits[0][80] == 1.0


def test_a_label_is_known_when_its_hour_has_closed():
    quarters = np.repeat([*CALM, *CRASH], 4)
    times = np.arange(len(quarters)) * (HOUR_MS // 4)
    candles = CandleColumns.of(times, quarters, quarters + 0.5, quarters - 0.5, quarters)
    found = label_hours(candles, RegimeRules(), compiled=False)
    allocation = allocate_ensemble(candles, [history("breakout", [0.0] * 5, [], [])], found, RULES)
    first = int(np.flatnonzero(allocation.labels == LABELS.index("crash"))[0])
    assert (first + 1) % 4 == 0  # the last quarter of an hour
    assert found.labels[first // 4] == LABELS.index("crash") != found.labels[first // 4 - 1]
    assert allocation.limits[0][first - 1] > 0.0 == allocation.limits[0][first]


def test_the_executor_gives_the_same_limits_minute_by_minute(bitcoin):
    # Rules that find shocks in quiet weeks.
    rules = RegimeRules(crash_fall=0.01, crash_atrs=1.0, spike=1.5)
    candles = bitcoin.rows(0, 8 * 1_440)
    names = ("breakout", "rsi_bollinger")
    histories = [history(name, [0.0] * 9, [], []) for name in names]
    found = label_hours(candles, rules, compiled=False)
    allocation = allocate_ensemble(candles, histories, found, WeightRules())
    ensemble = Ensemble(
        interval="1h",
        rules=asdict(rules),
        members={f"{n}/BTCUSDT": Member(weight=0.5, days=0, trades=0, score=0) for n in names},
        factors={
            regime: {f"{n}/BTCUSDT": factor_of(n, regime, []) for n in names} for regime in LABELS
        },
        pauses=dict(PAUSES),
        regimes={},
    )
    live = Allocator(ensemble, {BTCUSDT}, int(candles.open_time[0]))
    seen = set()
    for row in range(len(candles)):
        live.on_candle(BTCUSDT, candles.candle(row))
        shares = [live.allocation_of(name, BTCUSDT).most for name in names]
        assert [own[row] for own in allocation.limits] == shares, row
        seen.add((live.labels[BTCUSDT].label, *shares))
    assert {("crash", 0.0, 0.0), ("crash", 0.0, 0.5), ("volatility_spike", 0.0, 0.0)} <= seen
    assert ("up_trend", 0.5, 0.25) in seen


def test_candles_longer_than_an_hour_are_refused():
    candles = hours(CALM).higher(4 * HOUR_MS)
    with pytest.raises(DataError, match="give candles of 1h or a part of it"):
        label_hours(candles, RegimeRules())


def walked(candles: CandleColumns, *, compiled: bool = False):
    """Allocate an account to two strategies over the candles, and trade it."""
    settings = {"signal_tf": "15m", "filters": "off", "max_position_size": 1.0}
    strategies = [get_strategy(name) for name in ("breakout", "rsi_bollinger")]
    histories = []
    for strategy in strategies:
        alone = backtest(strategy, candles, settings, Costs(), compiled=compiled)
        trades = alone.trades
        histories.append(
            MemberHistory(
                strategy.name,
                alone.daily_returns,
                trades.entry_time,
                trades.exit_time,
                trades.net_return,
            )
        )
    found = label_hours(candles, RegimeRules(), compiled=compiled)
    allocation = allocate_ensemble(candles, histories, found, WeightRules(most=0.9, least_t=0.0))
    traded = [TradedStrategy(strategy, "BTCUSDT", settings) for strategy in strategies]
    account = run_account(
        traded,
        {"BTCUSDT": candles},
        Costs(),
        shares=allocation.limits,
        compiled=compiled,
    )
    return allocation, account


def test_no_limit_depends_on_a_later_candle(bitcoin):
    candles = bitcoin.rows(0, 15 * 1_440).higher(900_000)
    whole, _ = walked(candles)
    assert len(np.unique(whole.labels)) >= 3
    assert len(np.unique(whole.weights)) >= 6
    for end in (350, 700, 1_001, 1_344):
        part, _ = walked(candles.rows(0, end))
        for one, same in zip(part.limits, whole.limits, strict=True):
            assert one.tobytes() == same[:end].tobytes()


def test_both_backends_allocate_and_trade_alike(bitcoin):
    candles = bitcoin.rows(0, 15 * 1_440).higher(900_000)
    (plain, account), (compiled, same) = (walked(candles, compiled=c) for c in (False, True))
    assert [own.tobytes() for own in plain.limits] == [own.tobytes() for own in compiled.limits]
    assert account.equity.tobytes() == same.equity.tobytes()
    assert account.refused == same.refused
    assert len(account) >= 5
