"""The search of one strategy on one symbol: what it chooses, counts, stores and refuses."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.settings import FILE_VARIABLE, ResearchSettings, StrategyGrids, load_settings
from flows.steps.search.optimize import OptimizeEntry, optimize
from flows.steps.search.plateau import ApprovedPlateau, approve
from flows.steps.search.trial_history import earlier_trials
from lake.store import Lake
from lake.tables import CANDLES, EQUITY, FOLDS, FORECASTS, RAW_FUNDING, SEARCHES, TRADES
from tests.flows.sample import AS_OF, SAMPLE, write_settings
from trading.errors import DataError, ParameterError, SettingsError
from trading.strategies.registry import get_strategy

MONTHS = ("2025-05", "2025-06")
FIELDS_OF = ResearchSettings.model_fields.items()


def write_candles(
    lake: Lake, *, change_first_close: float = 0.0, hole: tuple[datetime, timedelta] | None = None
) -> None:
    """Write the bundled minutes of BTCUSDT as checked candles."""
    rows = pq.read_table(SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet")
    rows = rows.append_column("gap_before", pa.array([0] * rows.num_rows, pa.int64()))
    if change_first_close:
        closes = rows["close"].to_pylist()
        closes[0] += change_first_close
        index = rows.schema.get_field_index("close")
        rows = rows.set_column(index, "close", pa.array(closes, pa.float64()))
    if hole is not None:
        times, (start, length) = rows["open_time"], hole
        inside = pa.compute.and_(
            pa.compute.greater_equal(times, pa.scalar(start, times.type)),
            pa.compute.less(times, pa.scalar(start + length, times.type)),
        )
        rows = rows.filter(pa.compute.invert(inside))
    months = pa.array([f"{moment:%Y-%m}" for moment in rows["open_time"].to_pylist()])
    for month in MONTHS:
        lake.write(
            CANDLES,
            rows.filter(pa.compute.equal(months, month)),
            venue="binance_usdm",
            symbol="BTCUSDT",
            interval="1m",
            month=month,
        )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ResearchSettings:
    """Return the small settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE_VARIABLE, str(write_settings(tmp_path_factory.mktemp("settings"))))
        return load_settings()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with checked candles of BTCUSDT."""
    lake = Lake(tmp_path_factory.mktemp("optimize"))
    write_candles(lake)
    return lake


@pytest.fixture(scope="module")
def found(lake: Lake, settings: ResearchSettings) -> OptimizeEntry:
    """Run one search, shared by the tests that look at it."""
    return search(lake, settings)


def search(lake: Lake, settings: ResearchSettings, days_earlier: int = 0) -> OptimizeEntry:
    """Search breakout on BTCUSDT."""
    as_of = AS_OF - timedelta(days=days_earlier)
    return optimize(lake, as_of=as_of, strategy="breakout", symbol="BTCUSDT", settings=settings)


def test_every_distinct_set_of_both_grids_is_counted_once(lake: Lake, found: OptimizeEntry) -> None:
    # 3 x 2 coarse sets, all of them among the 5 x 3 fine ones
    assert found.trials == 15
    rows = lake.read(SEARCHES, run=found.run)
    assert len(set(rows["params"].to_pylist())) == rows.num_rows == 15
    assert sum(rows["in_long"].to_pylist()) == 6
    assert sum(rows["in_recent"].to_pylist()) == 15
    assert sum(rows["chosen"].to_pylist()) == 1


def test_a_set_that_an_earlier_search_tried_is_counted_too(
    tmp_path: Path, settings: ResearchSettings
) -> None:
    lake = Lake(tmp_path)
    write_candles(lake)
    other = StrategyGrids(
        long={"k": "0.7", "stop_loss": "0.01,0.03"},
        recent={"k": "0.7", "stop_loss": "0.02"},
        fixed=settings.grids["breakout"].fixed,
    )
    before = settings.model_copy(update={"grids": {"breakout": other}})
    assert search(lake, before, days_earlier=1).trials == 3
    assert search(lake, settings).trials == 15 + 3
    strategy = get_strategy("breakout")
    assert len(earlier_trials(lake, strategy, "BTCUSDT", AS_OF - timedelta(days=1))) == 3


def test_folds_are_trained_before_they_are_tested_and_end_before_as_of(
    lake: Lake, found: OptimizeEntry
) -> None:
    folds = lake.read(FOLDS, run=found.run).to_pylist()
    assert len(folds) >= 2
    for fold in folds:
        assert fold["train_to"] - fold["train_from"] == timedelta(days=10)
        assert fold["test_from"] - fold["train_to"] == timedelta(days=1)
        assert fold["test_to"] - fold["test_from"] == timedelta(days=4)
    assert folds[-1]["test_to"] == AS_OF


def test_windows_with_gaps_are_flagged(
    tmp_path: Path, settings: ResearchSettings, found: OptimizeEntry, lake: Lake
) -> None:
    holed = Lake(tmp_path)
    write_candles(holed, hole=(AS_OF - timedelta(days=2), timedelta(hours=2)))
    with_gap = search(holed, settings)
    folds = holed.read(FOLDS, run=with_gap.run).to_pylist()
    assert [row["test_missing"] for row in folds] == [0.0] * (len(folds) - 1) + [120.0]
    assert [row["train_missing"] for row in folds] == [0.0] * len(folds)
    assert with_gap.entry.out_of_sample["missing_candles"] == 120
    assert with_gap.sentence.endswith(", 120 candles are missing in 1 place")
    assert found.entry.out_of_sample["missing_candles"] == 0
    assert "missing" not in found.sentence
    whole = lake.read(FOLDS, run=found.run).to_pylist()
    assert {row["test_missing"] for row in whole} == {0.0}
    sparse = settings.validation.model_copy(update={"sparse_venues": ("binance_usdm",)})
    omitted = search(holed, settings.model_copy(update={"validation": sparse}))
    assert omitted.entry.out_of_sample["missing_candles"] is None
    assert "missing" not in omitted.sentence
    folds = holed.read(FOLDS, run=omitted.run).to_pylist()
    assert {(row["train_missing"], row["test_gaps"]) for row in folds} == {(None, None)}


def test_the_night_simulates_the_emergency_stop_of_live_trades(
    tmp_path: Path, settings: ResearchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with filters=off, which the small settings say."""
    monkeypatch.setitem(get_strategy("breakout").__dict__, "widest_emergency", 0.004)
    lake = Lake(tmp_path)
    write_candles(lake)
    traded = lake.read(TRADES, run=search(lake, settings).run).to_pylist()
    assert "emergency_stop" in {row["reason"] for row in traded}
    assert "stop_loss" not in {row["reason"] for row in traded}
    assert min(row["net_return"] for row in traded) > -0.006


def test_out_of_sample_measures_are_those_of_the_stored_trades(
    lake: Lake, found: OptimizeEntry
) -> None:
    trades = lake.read(TRADES, run=found.run).to_pylist()
    outside = [row for row in trades if row["sample"] == "out_of_sample"]
    growth = 1.0
    for row in outside:
        growth *= 1.0 + row["net_return"]
    measured = found.entry.out_of_sample
    assert measured["trades"] == len(outside) > 0
    assert measured["total_return"] == pytest.approx(growth - 1.0, abs=1e-12)


def test_the_gate_of_the_drawdown_sees_the_fall_within_a_position(
    lake: Lake, found: OptimizeEntry
) -> None:
    trades = lake.read(TRADES, run=found.run).to_pylist()
    outside = sorted(
        (row["exit_time"], row["net_return"]) for row in trades if row["sample"] == "out_of_sample"
    )
    worth = np.cumprod([1.0, *(1.0 + gained for _, gained in outside)])
    at_exits = float((1.0 - worth / np.maximum.accumulate(worth)).max())
    (gate,) = (v for v in found.entry.verdicts if v.name == "max_drawdown")
    assert gate.value is not None
    assert gate.value > at_exits + 1e-4
    assert found.entry.out_of_sample["max_drawdown"] == gate.value


def test_the_chosen_set_lies_on_the_approved_plateau(found: OptimizeEntry) -> None:
    inside, params = found.entry.in_sample, found.entry.params
    assert inside["approved_sets"] >= 1
    assert inside["approved_k_low"] <= params["k"] <= inside["approved_k_high"]
    assert inside["approved_stop_loss_low"] <= params["stop_loss"]
    assert params["stop_loss"] <= inside["approved_stop_loss_high"]


def test_the_stored_equity_starts_at_one_and_ends_at_the_total_return(
    lake: Lake, found: OptimizeEntry
) -> None:
    rows = lake.read(EQUITY, run=found.run).to_pylist()
    trades = lake.read(TRADES, run=found.run).to_pylist()
    exits = {row["exit_time"] for row in trades if row["sample"] == "out_of_sample"}
    first = min(row["test_from"] for row in lake.read(FOLDS, run=found.run).to_pylist())
    assert {row["time"] for row in rows} == exits | {first}
    assert {row["sample"] for row in rows} == {"out_of_sample"}
    assert rows[0]["equity"] == 1.0
    total = found.entry.out_of_sample["total_return"]
    assert rows[-1]["equity"] == pytest.approx(1.0 + float(total or 0.0))


def test_too_few_trades_make_an_entry_unproven_and_the_verdict_says_so(
    found: OptimizeEntry,
) -> None:
    verdicts = {verdict.name: verdict for verdict in found.entry.verdicts}
    assert not found.entry.proven
    assert not verdicts["out_of_sample_trades"].passed
    assert "out-of-sample, below the required 30" in verdicts["out_of_sample_trades"].text


def test_the_probes_are_gates_of_the_release(found: OptimizeEntry) -> None:
    verdicts = {verdict.name: verdict for verdict in found.entry.verdicts}
    assert verdicts["lookahead"].passed
    assert "none changed" in verdicts["lookahead"].text
    assert verdicts["warmup"].passed
    assert "after 192 × 15m candles" in verdicts["warmup"].text


def test_the_robustness_tests_are_stored_with_the_gates(found: OptimizeEntry) -> None:
    names = [verdict.name for verdict in found.entry.verdicts]
    battery = ["doubled_costs", "profitable_folds", "without_best_trade"]
    assert names[-6:] == [*battery, "one_step_away", "lookahead", "warmup"]
    outside = found.entry.out_of_sample
    assert not {"deflated_sharpe", "overfitting", "degradation", "p_value"} & set(names)
    assert 0.0 < outside["deflated_sharpe"] < 1.0
    assert 0.0 <= outside["overfitting"] <= 1.0
    assert math.isfinite(outside["degradation"])
    assert 0.0 < outside["p_value"] <= 1.0
    assert outside["doubled_costs"] < outside["total_return"]


def test_the_settings_can_ask_for_anchored_folds(lake: Lake, settings: ResearchSettings) -> None:
    anchored = settings.walk_forward.model_copy(update={"scheme": "anchored"})
    run = search(lake, settings.model_copy(update={"walk_forward": anchored}), days_earlier=1).run
    folds = lake.read(FOLDS, run=run).to_pylist()
    assert len(folds) >= 2
    assert len({fold["train_from"] for fold in folds}) == 1
    assert len({fold["train_to"] for fold in folds}) == len(folds)


def test_the_same_request_is_answered_from_the_lake(
    lake: Lake, settings: ResearchSettings, found: OptimizeEntry
) -> None:
    again = search(lake, settings)
    assert again.reused
    assert not found.reused
    assert (again.entry, again.trials) == (found.entry, found.trials)


def test_candles_after_as_of_change_nothing(
    tmp_path: Path, settings: ResearchSettings, found: OptimizeEntry
) -> None:
    lake = Lake(tmp_path)
    write_candles(lake)
    known = lake.read(CANDLES, as_of=AS_OF, symbol="BTCUSDT").select(CANDLES.schema.names)
    months = pa.array([f"{moment:%Y-%m}" for moment in known["open_time"].to_pylist()])
    for month in MONTHS:
        lake.write(
            CANDLES,
            known.filter(pa.compute.equal(months, month)),
            venue="binance_usdm",
            symbol="BTCUSDT",
            interval="1m",
            month=month,
        )
    assert search(lake, settings).entry == found.entry


def test_one_changed_input_value_is_a_new_request(
    tmp_path: Path, settings: ResearchSettings, found: OptimizeEntry
) -> None:
    lake = Lake(tmp_path)
    write_candles(lake, change_first_close=0.1)
    changed = search(lake, settings)
    assert not changed.reused
    assert [ref.sha256 for ref in changed.fingerprint] != [ref.sha256 for ref in found.fingerprint]


def test_the_funding_rates_of_the_lake_are_charged_and_part_of_the_request(
    tmp_path: Path, settings: ResearchSettings, found: OptimizeEntry
) -> None:
    lake = Lake(tmp_path)
    write_candles(lake)
    rates = pq.read_table(SAMPLE / "funding" / "usdm" / "BTCUSDT.parquet")
    place = rates.schema.get_field_index("funding_rate")
    rates = rates.set_column(place, "funding_rate", pa.array([0.001] * rates.num_rows))
    lake.write(RAW_FUNDING, rates, venue="binance_usdm", symbol="BTCUSDT")
    paying = search(lake, settings)
    assert "funding" in {ref.table for ref in paying.fingerprint}
    assert found.entry.out_of_sample["funding"] == 0.0
    charged = [sample["funding"] for sample in (paying.entry.out_of_sample, paying.entry.in_sample)]
    assert any(isinstance(value, float) and value > 0.0 for value in charged)
    assert search(lake, settings).reused
    lake.write(RAW_FUNDING, rates.slice(1), venue="binance_usdm", symbol="BTCUSDT")
    assert not search(lake, settings).reused


def test_a_grid_over_the_source_of_forecasts_reads_those_of_the_lake(
    tmp_path: Path, settings: ResearchSettings
) -> None:
    lake = Lake(tmp_path)
    write_candles(lake)
    quarters = pa.array(range(1_746_403_200_000, 1_750_291_200_000, 900_000), pa.int64())
    made = quarters.cast(pa.timestamp("ms", "UTC"))
    values = [0.01 if n % 8 < 4 else -0.01 for n in range(len(made))]
    where = {"venue": "binance_usdm", "symbol": "BTCUSDT", "target": "direction_1h"}
    lake.write(FORECASTS, pa.table({"made_at": made, "value": values}), **where)
    axes = {"source": "fitted,published"}
    grids = StrategyGrids(long=axes, recent=axes, fixed={"filters": "off", "signal_tf": "15m"})
    own = settings.model_copy(update={"grids": {"ml": grids}})
    entry = optimize(lake, as_of=AS_OF, strategy="ml", symbol="BTCUSDT", settings=own)
    assert "forecasts" in {ref.table for ref in entry.fingerprint}
    rows = lake.read(SEARCHES, run=entry.run).to_pylist()
    (published,) = [row for row in rows if json.loads(row["params"])["source"] == "published"]
    assert published["trades"] > 10


def test_stale_missing_and_short_histories_are_refused(
    lake: Lake, settings: ResearchSettings
) -> None:
    late = AS_OF + timedelta(days=30)
    with pytest.raises(DataError, match=r"BTCUSDT's candles end at 2025-06-24 .* days before"):
        optimize(lake, as_of=late, strategy="breakout", symbol="BTCUSDT", settings=settings)
    with pytest.raises(DataError, match="XRPUSDT has no checked candles before 2025-06-19"):
        optimize(lake, as_of=AS_OF, strategy="breakout", symbol="XRPUSDT", settings=settings)
    with pytest.raises(DataError, match="too short for one walk-forward fold"):
        search(lake, settings, days_earlier=40)
    bare = settings.model_copy(update={"grids": {"breakout": settings.grids["breakout"]}})
    with pytest.raises(SettingsError, match="no search grid is set for strategy 'rsi_bollinger'"):
        optimize(lake, as_of=AS_OF, strategy="rsi_bollinger", symbol="BTCUSDT", settings=bare)


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [
        ("", "grid 'k=' has no values; write NAME=FROM:TO:STEP"),
        (
            "0.8:0.3:0.05",
            "grid 'k=0.8:0.3:0.05' runs from 0.8 down to 0.3; put the smaller end first",
        ),
        ("0.5:2.5:0.5", "k = 2.5 is out of bounds; give a number between 0 and 2"),
        ("0:2:0.0000001", "the grid has 20,000,001 combinations, which need 37.3 GiB of memory"),
    ],
)
def test_a_grid_that_cannot_be_searched_is_refused_in_one_sentence(
    axis: str, sentence: str, lake: Lake, settings: ResearchSettings
) -> None:
    grids = StrategyGrids(long={"k": axis}, recent={"k": "0.5"})
    bad = settings.model_copy(update={"grids": {"breakout": grids}})
    with pytest.raises(ParameterError, match=re.escape(sentence)) as caught:
        search(lake, bad)
    assert "\n" not in str(caught.value)


def test_the_breakout_is_searched_over_seven_days_and_the_specified_ranges() -> None:
    defaults = {name: field.get_default(call_default_factory=True) for name, field in FIELDS_OF}
    recent = defaults["grids"]["breakout"].recent
    assert defaults["recent_days"] == 7
    assert recent == {
        "k": "0.4:0.6:0.05",
        "take_profit": "0.03:0.10:0.01",
        "stop_loss": "0.01:0.05:0.01",
    }


LINE = [{"k": 0.3}, {"k": 0.4}, {"k": 0.5}, {"k": 0.6}, {"k": 0.7}]


def test_the_plateau_is_what_connects_to_the_winner_and_keeps_half_of_it() -> None:
    objective = [1.8, 0.2, 2.0, 1.5, 1.2]
    approved = approve(LINE, objective, [0.1] * 5, winner=2)
    # 0.3 is as good, but 0.4 between them is not
    assert approved == ApprovedPlateau(3, {"k": (0.5, 0.7)}, {})
    assert approved.holds({"k": 0.55, "stop_loss": 0.9})
    assert not approved.holds({"k": 0.45})


def test_a_set_without_profit_is_not_on_the_plateau() -> None:
    approved = approve(LINE, [2.0] * 5, [0.1, 0.1, 0.1, -0.1, 0.1], winner=1)
    assert approved.numbers == {"k": (0.3, 0.5)}


def test_a_losing_winner_approves_nothing() -> None:
    approved = approve(LINE, [-1.0] * 5, [-0.1] * 5, winner=0)
    assert approved.size == 0
    assert not approved.holds({"k": 0.3})


def test_words_have_no_order_and_are_approved_by_name() -> None:
    grid = [{"filters": "on"}, {"filters": "off"}]
    assert approve(grid, [1.0, 0.9], [0.1, 0.1], winner=0).words == {"filters": ("off", "on")}
