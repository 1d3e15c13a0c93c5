"""The ICT strategies on hand-made and real candles, and their timeframes."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tests.trading import engines
from tests.trading.account_runs import run_account
from tests.trading.ict.test_structures import POOL, STORY
from trading.candles import HOUR_MS, MINUTE_MS, Candle, CandleColumns
from trading.errors import ParameterError
from trading.ict.batch import IctSettings, find_structures
from trading.ict.layout import LOG_HEAD
from trading.simulation import Costs, backtest
from trading.simulation.account.simulation import TradedStrategy
from trading.simulation.backtest import decide
from trading.strategies.decider import Decider, Decision
from trading.strategies.ict import signals
from trading.strategies.layout import (
    ACTION,
    CONFIDENCE,
    ENTER,
    LIMIT,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

QUARTER = 900_000
START = 1_000 * HOUR_MS
SMALL = {"length": 1, "pool_tolerance": 0.015}

Row = tuple[float, float, float, float]
RAISED: list[Row] = [tuple(price + 5.0 for price in row) for row in POOL[:7]]
FALL: list[Row] = [(14.3, 14.4, 9.4, 9.5)]
# The pool's mirror: two lows at about 10, and a wick below them.
SWEEP: list[Row] = [(20 - o, 20 - low, 20 - high, 20 - c) for o, high, low, c in POOL[:8]]
GAP: list[Row] = [(10.2, 11.2, 10.15, 11.1), (11.1, 11.6, 11.0, 11.5)]


def decider(name: str, base_ms: int, **values: Value) -> Decider:
    """Make a decider that has seen the story as its 1h candles: the trend is up."""
    made = Decider(get_strategy(name), SMALL | values, base_ms)
    warm(made, HOUR_MS, STORY[:6])
    return made


def warm(made: Decider, tf_ms: int, rows: list[Row]) -> None:
    for i, row in enumerate(rows):
        made.warm(tf_ms, Candle(START - (len(rows) - i) * tf_ms, *row))


def decide_rows(made: Decider, rows: list[Row]) -> list[Decision]:
    step = made.setup.base_ms
    return [made.on_candle(Candle(START + i * step, *row)) for i, row in enumerate(rows)]


def test_conservative_enters_on_a_close_out_of_a_zone_in_the_trends_direction():
    made = decider("ict_conservative", MINUTE_MS, min_confidence=0)
    warm(made, QUARTER, [*RAISED, *FALL, *STORY[:7]])
    above, inside, out = decide_rows(
        made, [(12.8, 12.9, 12.3, 12.4), (12.4, 12.4, 11.8, 11.9), (11.9, 12.3, 11.85, 12.2)]
    )
    assert above.reason == "close 12.4 comes out of no zone in the trend's direction"
    assert (above.action, inside.action, out.action) == ("hold", "hold", "enter")
    assert out.side == 1
    assert out.stop_price == pytest.approx(11.0 * 0.998)
    assert out.target_price == pytest.approx(15.05)
    # The trend agrees and the zone is fresh; nothing was swept.
    assert out.confidence == pytest.approx(0.8)


def test_conservative_holds_without_a_break_of_structure():
    made = Decider(get_strategy("ict_conservative"), SMALL, MINUTE_MS)
    warm(made, QUARTER, [*RAISED, *FALL, *STORY[:7]])
    (first,) = decide_rows(made, [(12.8, 12.9, 11.9, 12.4)])
    assert (first.action, first.reason) == ("hold", "no break of structure on trend_tf yet")


def test_conservative_holds_without_liquidity_as_a_target():
    made = decider("ict_conservative", MINUTE_MS, min_confidence=0)
    warm(made, QUARTER, STORY[:7])
    *_, last = decide_rows(made, [(12.8, 12.9, 12.3, 12.4), (12.4, 12.5, 11.9, 12.4)])
    assert last.reason == "entry held: no liquidity level beyond 12.4"
    assert math.isnan(last.stop_price)


def test_aggressive_enters_at_once_when_a_gap_forms_after_a_sweep():
    made = decider("ict_aggressive", QUARTER)
    decisions = decide_rows(made, [*RAISED, (14.3, 14.4, 10.9, 11.0), *SWEEP, *GAP])
    assert [decision.action for decision in decisions[:-1]] == ["hold"] * (len(decisions) - 1)
    entry = decisions[-1]
    assert (entry.action, entry.side) == ("enter", 1)
    assert entry.stop_price == pytest.approx(10.8 * 0.998)
    assert entry.target_price == pytest.approx(15.05)
    assert entry.confidence == pytest.approx(1.0)


@pytest.mark.parametrize(("candles", "action"), [(2, "enter"), (3, "enter"), (4, "hold")])
def test_aggressive_counts_the_candles_from_the_sweep_to_the_gap(candles, action):
    # With a pause of three the gap is complete on the fifth candle after the sweep.
    made = decider("ict_aggressive", QUARTER)
    pause: list[Row] = [(10.4, 10.6, 10.2, 10.5)] * candles
    late: list[Row] = [(10.5, 11.2, 10.4, 11.1), (11.1, 11.6, 11.0, 11.5)]
    decisions = decide_rows(made, [*RAISED, (14.3, 14.4, 10.9, 11.0), *SWEEP, *pause, *late])
    assert decisions[-1].action == action


def test_aggressive_holds_when_the_sweep_is_too_old():
    made = decider("ict_aggressive", QUARTER)
    pause: list[Row] = [(10.4, 10.6, 10.2, 10.5)] * 6
    late: list[Row] = [(10.5, 11.2, 10.4, 11.1), (11.1, 11.6, 11.0, 11.5)]
    decisions = decide_rows(made, [*RAISED, (14.3, 14.4, 10.9, 11.0), *SWEEP, *pause, *late])
    assert (decisions[-1].action, decisions[-1].reason) == (
        "hold",
        "no sweep of liquidity in the last 5 candles",
    )


def test_mixed_enters_out_of_a_zone_with_the_trend_after_a_sweep():
    made = decider("ict_mixed", QUARTER)
    back: Row = (11.5, 11.7, 10.95, 11.4)
    decisions = decide_rows(made, [*RAISED, (14.3, 14.4, 10.9, 11.0), *SWEEP, *GAP, back])
    # The candle that makes the gap known cannot leave it.
    assert (decisions[-2].action, decisions[-1].action) == ("hold", "enter")
    assert decisions[-1].stop_price == pytest.approx(10.8 * 0.998)
    assert decisions[-1].target_price == pytest.approx(15.05)
    assert decisions[-1].confidence == pytest.approx(1.0)


def test_mixed_holds_without_a_sweep():
    made = decider("ict_mixed", QUARTER)
    decisions = decide_rows(made, [*RAISED, *FALL, *STORY[:7], (12.8, 12.9, 11.9, 12.4)])
    assert decisions[-1].reason == "no sweep of liquidity in the last 20 candles"


def test_a_side_can_be_switched_off():
    made = decider("ict_mixed", QUARTER, direction="short")
    rows = [*RAISED, (14.3, 14.4, 10.9, 11.0), *SWEEP, *GAP, (11.5, 11.6, 10.95, 11.4)]
    assert decide_rows(made, rows)[-1].reason == "entry held: side +1 is switched off"


def test_timeframes_that_do_not_descend_are_refused():
    with pytest.raises(ParameterError, match="do not descend"):
        Decider(get_strategy("ict_mixed"), {"zone_tf": "1h"}, MINUTE_MS)


def test_further_timeframes_need_their_own_history():
    needed = Decider(get_strategy("ict_conservative"), {}, MINUTE_MS).history_needed()
    assert needed == {HOUR_MS: 1_500, QUARTER: 1_500, MINUTE_MS: 2}


ICT = {"trend_tf": "15m", "zone_tf": "5m", "length": 3, "pool_tolerance": 0.003}

CASES = [
    ("ict_conservative", ICT | {"min_confidence": 0}),
    ("ict_aggressive", ICT | {"gap_window": 30}),
    ("ict_mixed", ICT),
]


@pytest.mark.parametrize(("name", "values"), CASES)
def test_plain_and_compiled_decisions_are_equal_to_the_bit(name, values, bitcoin):
    candles = bitcoin.rows(0, 8_000)
    fast = decide(get_strategy(name), candles, values)
    plain = decide(get_strategy(name), candles, values, compiled=False)
    assert fast.tobytes() == plain.tobytes()
    assert {0.0, 1.0} <= set(fast[:, ACTION])
    entered = fast[fast[:, ACTION] == 1.0]
    assert np.isfinite(entered[:, STOP_PRICE]).all()


@pytest.mark.parametrize(("name", "values"), CASES)
def test_a_later_start_with_the_declared_warm_up_decides_the_same(name, values, bitcoin):
    strategy, aged = get_strategy(name), values | {"max_age": 60}
    needed = Decider(strategy, aged, MINUTE_MS).history_needed()
    warmup = max(length * candles for length, candles in needed.items()) // MINUTE_MS
    whole = decide(strategy, bitcoin.rows(0, 40_000), aged)
    for start in (1_425, 9_990, 20_025):
        later = decide(strategy, bitcoin.rows(start, 40_000), aged)
        assert later[warmup:].tobytes() == whole[start + warmup :].tobytes()
    assert whole[20_025 + warmup :, ACTION].max() > 0.0


@pytest.mark.parametrize(("name", "values"), CASES)
def test_both_engines_follow_each_entrys_own_side_stop_and_target(name, values, bitcoin, ether):
    traded, reasons, sides = 0, set(), set()
    for candles in (bitcoin, ether):
        pair = engines.compare(get_strategy(name), candles, values, Costs(5, 1))
        traded += len(pair.full.trades)
        reasons |= pair.reasons
        sides |= set(pair.full.trades.side.tolist())
    assert traded >= 20
    assert {"stop_loss", "take_profit"} <= reasons
    assert sides == {1, -1}


def test_a_trade_ends_at_the_level_of_its_signal(bitcoin):
    strategy, params = get_strategy("ict_mixed"), ICT
    run = backtest(strategy, bitcoin, params, Costs(0, 0))
    stream = decide(strategy, bitcoin, params)
    rows = np.searchsorted(bitcoin.open_time, run.trades.signal_time)
    stops, targets = stream[rows, STOP_PRICE], stream[rows, TARGET_PRICE]
    stopped = run.trades.reason == "stop_loss"
    won = run.trades.reason == "take_profit"
    assert stopped.sum() >= 10
    assert won.sum() >= 10
    np.testing.assert_array_equal(run.trades.exit_price[stopped], stops[stopped])
    np.testing.assert_array_equal(run.trades.exit_price[won], targets[won])
    np.testing.assert_array_equal(run.trades.side, stream[rows, SIDE])


def test_the_account_trades_them_as_the_back_test_does(bitcoin):
    traded = TradedStrategy(get_strategy("ict_mixed"), "BTCUSDT", ICT | {"max_position_size": 0.2})
    shared = run_account([traded], {"BTCUSDT": bitcoin}, Costs(5, 1))
    alone = backtest(traded.strategy, bitcoin, traded.params, Costs(5, 1)).trades
    assert len(alone) >= 20
    for column in ("entry_time", "exit_time", "reason", "side"):
        np.testing.assert_array_equal(getattr(shared, column), getattr(alone, column), column)


def test_of_two_signals_on_one_symbol_the_account_takes_the_more_confident(bitcoin):
    values = {**ICT, "max_position_size": 0.2}
    names = ("ict_aggressive", "ict_mixed")
    traded = [
        TradedStrategy(strategy, "BTCUSDT", strategy.accepted({**values, "gap_window": 30}))
        for strategy in map(get_strategy, names)
    ]
    streams = [decide(one.strategy, bitcoin, one.params) for one in traded]
    both = np.flatnonzero((streams[0][:, ACTION] == ENTER) & (streams[1][:, ACTION] == ENTER))
    better = [row for row in both if streams[0][row, CONFIDENCE] != streams[1][row, CONFIDENCE]]
    assert len(better) >= 1
    run = run_account(traded, {"BTCUSDT": bitcoin}, Costs(5, 1))
    taken = {int(time): int(place) for time, place in zip(run.entry_time, run.place, strict=True)}
    for row in both:
        # `ict_mixed`, the second, also goes first among equals.
        best = 0 if streams[0][row, CONFIDENCE] > streams[1][row, CONFIDENCE] else 1
        entry = int(bitcoin.open_time[row + 1])
        assert taken.get(entry, best) == best
    assert set(taken) & {int(bitcoin.open_time[row + 1]) for row in both}


def test_a_position_loses_at_most_its_risk_at_the_stop():
    sizing = get_strategy("ict_mixed").sizing(get_strategy("ict_mixed").resolve({}))
    assert (sizing.share, sizing.risk) == (1.0, 0.02)
    assert sizing.quantity(10_000.0, 100.0, 96.0) == pytest.approx(50.0)  # 4 a unit, 200 in all
    assert sizing.quantity(10_000.0, 100.0, 99.9) == pytest.approx(100.0)  # bounded by the margin
    assert sizing.quantity(10_000.0, 100.0, math.nan) == pytest.approx(100.0)


def zones_of(candles: CandleColumns, settings: IctSettings) -> list[tuple[float, ...]]:
    """Return side, near edge, far edge and the time known of gaps, blocks and breakers."""
    found = find_structures(candles, settings)
    zones = []
    for table, turn, known in (
        ("gaps", 1, "known"),
        ("blocks", 1, "known"),
        ("blocks", -1, "broken"),
    ):
        rows = getattr(found, table)
        for side, top, bottom, time in zip(
            rows["side"] * turn, rows["top"], rows["bottom"], found.times(rows[known]), strict=True
        ):
            if time >= 0:
                zones.append((side, *((top, bottom) if side > 0 else (bottom, top)), int(time)))
    return zones


def test_conservative_enters_a_zone_once_and_only_one_known_after_the_break(bitcoin):
    values = ICT | {"min_confidence": 0}
    stream = decide(get_strategy("ict_conservative"), bitcoin, values)
    settings = IctSettings(left=3, right=3, tolerance=0.003)
    trend = find_structures(bitcoin.higher(QUARTER), settings)
    broken = trend.times(trend.breaks["known"])
    zones = zones_of(bitcoin.higher(5 * MINUTE_MS), settings)
    entered = np.flatnonzero(stream[:, ACTION] == ENTER)
    left: Counter[tuple[float, ...]] = Counter()
    for row in entered:
        now, side, near = bitcoin.open_time[row] + MINUTE_MS, stream[row, SIDE], stream[row, LIMIT]
        last_break = broken[broken <= now].max()
        fitting = [
            zone
            for zone in zones
            if zone[:2] == (side, near)
            and zone[3] <= now
            and zone[2] * (1 - side * 0.002) == pytest.approx(stream[row, STOP_PRICE])
        ]
        assert max(known for *_, known in fitting) > last_break
        key = side, near, stream[row, STOP_PRICE]
        left[key] += 1
        assert left[key] <= len(fitting)
    assert len(entered) >= 20


@pytest.mark.parametrize(
    "switch", [{"entries_per_zone": 1_000}, {"zone_after_break": "off"}, {"min_confidence": 0.6}]
)
def test_conservative_enters_more_often_with_any_limit_off(switch, bitcoin):
    limited = ICT | {"min_confidence": 0.8}
    entries = [
        int((decide(get_strategy("ict_conservative"), bitcoin, values)[:, ACTION] == ENTER).sum())
        for values in (limited, limited | switch)
    ]
    assert entries[0] < entries[1]


def test_a_restart_of_the_conservative_strategy_replays_the_life_of_its_zones():
    made = Decider(get_strategy("ict_conservative"), {}, MINUTE_MS)
    now = START + 17 * MINUTE_MS
    assert made.base_start(now) == START - 125 * HOUR_MS


def test_the_cells_of_the_signals_lie_behind_the_log_and_apart():
    own = {signals.LAST_CLOSE, signals.BREAK_AFTER, signals.FIRST_EDGES, signals.FIRST_EDGES + 1}
    assert own == set(range(LOG_HEAD, signals.TREND_AT))
