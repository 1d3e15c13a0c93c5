"""Unseen days of a frozen candidate: simulated once, kept, never from the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flows.settings import ResearchSettings
from flows.steps.evidence.hypotheses import Look, record_look
from flows.steps.evidence.parity_table import write_parity
from flows.steps.evidence.unseen_days import follow_frozen
from flows.steps.search.optimize_request import costs_of
from lake.store import Lake
from lake.tables import UNSEEN_DAYS
from tests.flows.candle_lake import put_forecasts
from tests.flows.sample import lake_state
from tests.flows.steps.evidence.hypothesis_lake import SETTINGS
from tests.flows.steps.search.test_optimize import write_candles
from trading.candles import DAY_MS
from trading.simulation import backtest
from trading.strategies.registry import get_strategy

FROZEN_AT = datetime(2025, 6, 10, 3, tzinfo=UTC)
FIRST = datetime(2025, 6, 11, tzinfo=UTC)
PARAMS = get_strategy("breakout").resolve(
    {"k": 0.3, "filters": "off", "signal_tf": "15m", "stop_loss": 0.01, "take_profit": 0.01}
)
ALPHA = ResearchSettings(alpha=0.05)


def look(envelope: float = 0.5) -> Look:
    return Look(
        hypothesis="breakout-00000000",
        as_of=FROZEN_AT,
        kind="strategy",
        name="breakout",
        rules="1",
        grid="g",
        look=1,
        share=0.04,
        alpha=0.02,
        trials=9,
        days=120,
        symbols=("BTCUSDT",),
        passed=True,
        reason="passed on BTCUSDT",
        p_value=0.001,
        envelope=envelope,
        findings={
            "believed": ["BTCUSDT"],
            "trades": 40,
            "members": {"BTCUSDT": {"params": dict(PARAMS), "bounds": {}, "verdicts": []}},
            "stakes": [2.0, 4.0],
        },
    )


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("unseen"))
    write_candles(lake)
    return lake


@pytest.fixture
def lake(candles: Lake, tmp_path: Path) -> Lake:
    (tmp_path / "checked").symlink_to(candles.root / "checked")
    found = Lake(tmp_path)
    record_look(found, look())
    return found


def followed(lake: Lake, as_of: datetime, envelope: float = 0.5) -> list[float]:
    own = look(envelope)
    days = follow_frozen(lake, own, (own,), as_of=as_of, settings=SETTINGS)
    return [day.e_value for day in days]


def test_the_days_are_those_of_a_simulation_that_begins_after_the_look(lake: Lake) -> None:
    as_of = datetime(2025, 6, 19, tzinfo=UTC)
    found = followed(lake, as_of)
    assert len(found) == 8
    rows = lake.read(UNSEEN_DAYS).to_pylist()
    assert rows[0]["day"] == FIRST
    assert rows[-1]["known_at"] == as_of
    from flows.steps.data.candles import load_candles

    run = backtest(
        get_strategy("breakout"),
        load_candles(lake, "binance_usdm", "BTCUSDT", as_of),
        PARAMS,
        costs_of(SETTINGS),
        trade_from_ms=round(FIRST.timestamp() * 1000),
    )
    assert [row["net_return"] for row in rows] == run.daily_returns.tolist()
    assert np.count_nonzero(run.daily_returns) >= 2
    assert int(run.days[0]) == round(FIRST.timestamp() * 1000) // DAY_MS * DAY_MS


def test_following_night_by_night_is_following_all_nights_at_once(
    lake: Lake, candles: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for day in range(12, 20):
        step_by_step = followed(lake, datetime(2025, 6, day, tzinfo=UTC))
    other = Lake(tmp_path_factory.mktemp("at-once"))
    (other.root / "checked").symlink_to(candles.root / "checked")
    assert followed(other, datetime(2025, 6, 19, tzinfo=UTC)) == step_by_step
    assert other.read(UNSEEN_DAYS) == lake.read(UNSEEN_DAYS)


def test_it_is_confirmed_at_the_hypotheses_opened_by_the_day_over_alpha(lake: Lake) -> None:
    own, as_of = look(), datetime(2025, 6, 19, tzinfo=UTC)
    before = [replace(own, hypothesis=f"h{number}") for number in range(3)]
    late = replace(own, hypothesis="late", as_of=FIRST + timedelta(days=4, hours=1))
    again = replace(own, as_of=FIRST - timedelta(days=40))
    follow_frozen(lake, own, (own, again, *before, late), as_of=as_of, settings=SETTINGS)
    rows = sorted(lake.read(UNSEEN_DAYS).to_pylist(), key=lambda row: row["day"])
    wanted = [4 / SETTINGS.alpha] * 4 + [5 / SETTINGS.alpha] * 4
    assert [row["confirm_at"] for row in rows] == wanted


def test_a_repeated_night_changes_nothing_and_a_past_one_sees_what_was_known(lake: Lake) -> None:
    last = followed(lake, datetime(2025, 6, 19, tzinfo=UTC))
    state = lake_state(lake.root)
    assert followed(lake, datetime(2025, 6, 19, tzinfo=UTC)) == last
    assert followed(lake, datetime(2025, 6, 15, tzinfo=UTC)) == last[:4]
    assert lake_state(lake.root) == state


def test_a_day_that_is_not_over_does_not_count(lake: Lake) -> None:
    assert followed(lake, FIRST + timedelta(hours=23)) == []
    assert len(followed(lake, FIRST + timedelta(hours=25))) == 1


def test_candles_corrected_later_do_not_change_a_day_that_was_seen(
    lake: Lake, tmp_path: Path
) -> None:
    before = followed(lake, datetime(2025, 6, 15, tzinfo=UTC))
    (tmp_path / "checked").unlink()
    write_candles(lake, change_first_close=50_000.0)
    after = followed(lake, datetime(2025, 6, 16, tzinfo=UTC))
    assert after[:4] == before
    assert len(after) == 5


def test_after_the_proof_is_lost_no_day_is_simulated(lake: Lake, tmp_path: Path) -> None:
    lost = followed(lake, datetime(2025, 6, 19, tzinfo=UTC), envelope=1e-6)
    assert lake.read(UNSEEN_DAYS)["state"].to_pylist()[-1] == "unproven"
    assert len(lost) < 8
    (tmp_path / "checked").unlink()  # nothing to read from
    assert followed(lake, datetime(2025, 6, 20, tzinfo=UTC), envelope=1e-6) == lost


def test_a_day_that_differed_from_its_replay_ends_the_proof_also_if_known_late(lake: Lake) -> None:
    as_of = datetime(2025, 6, 19, tzinfo=UTC)
    before = followed(lake, as_of)
    day = datetime(2025, 6, 14, tzinfo=UTC)
    row = {
        "known_at": day + timedelta(hours=23),
        "what": "enter",
        "venue": SETTINGS.venue,
        "strategy": "breakout",
        "symbol": "BTCUSDT",
        "bar_time": day + timedelta(hours=14),
        "verdict": "different",
        "reason": "the replay does not",
        "live": "",
        "replayed": "",
        "release_id": "",
    }
    write_parity(lake, "2025-06-14", [{**row, "verdict": "explained"}])
    assert followed(lake, as_of) == before
    write_parity(lake, "2025-06-14", [row])
    assert followed(lake, as_of) == before[:4]
    last = lake.read(UNSEEN_DAYS).to_pylist()[-1]
    assert (last["day"], last["state"]) == (day, "unproven")
    reason = "live trading differs from its replay: breakout BTCUSDT 14:00: the replay does not"
    assert last["reason"] == reason


def test_a_night_without_new_candles_follows_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert followed(lake, datetime(2025, 6, 15, tzinfo=UTC)) == []
    assert lake.read(UNSEEN_DAYS).num_rows == 0


def test_a_strategy_on_published_forecasts_is_followed_with_those_of_the_lake(
    candles: Lake, tmp_path: Path
) -> None:
    params = {"source": "published", "filters": "off", "signal_tf": "15m"}
    members = {"BTCUSDT": {"params": params, "bounds": {}, "verdicts": []}}
    own = replace(look(), name="ml", findings={**look().findings, "members": members})
    as_of = datetime(2025, 6, 19, tzinfo=UTC)

    def earned(name: str, forecasts: bool) -> int:
        lake = Lake(tmp_path / name)
        lake.root.mkdir()
        (lake.root / "checked").symlink_to(candles.root / "checked")
        if forecasts:
            put_forecasts(lake, "BTCUSDT", FROZEN_AT, as_of)
        record_look(lake, own)
        follow_frozen(lake, own, (own,), as_of=as_of, settings=SETTINGS)
        return sum(row["net_return"] != 0.0 for row in lake.read(UNSEEN_DAYS).to_pylist())

    assert earned("without", forecasts=False) == 0
    assert earned("with", forecasts=True) >= 2
