"""`nocturne parity`: a replayed day equals its replay, and each planted difference is found."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from flows.settings import ResearchSettings
from flows.steps.evidence.hypotheses import Look
from flows.steps.evidence.live_day import read_live_day
from flows.steps.evidence.parity import compare_day
from flows.steps.evidence.parity_table import ParityResult, differences_by_day
from flows.steps.reporting.export_ledger import export_ledger
from lake.ledger_database import LedgerSource
from lake.releases.reader import read_pointer
from lake.store import Lake
from lake.tables import CANDLES
from tests.executor.harness import publish_entries
from tests.parity.event_replay import Case, _entries, _replay, beats
from tests.parity.replay_cases import BEGIN, MADE_FROM, made_candles
from trading.candles import DAY_MS, CandleColumns
from trading.strategies.registry import get_strategy

DAY = datetime(2025, 3, 1, tzinfo=UTC)
LATER = DAY + timedelta(days=1)
PARAMS = {
    "every": 7,
    "partial_take_profit": "0.002:0.25",
    "add_first_at": 0.003,
    "stop_loss": 0.006,
    "trailing_stop": 0.002,
    "trailing_arm": 0.004,
    "time_exit": 0.1,
    "leave": 5,
    "max_position_size": 0.2,
}
CASE = Case("beat", PARAMS, {"BTCUSDT": made_candles(3, 120 + 90, MADE_FROM)}, BEGIN, 1.5)


@pytest.fixture(autouse=True)
def _strategies_of_the_tests() -> Iterator[None]:
    with beats():
        yield


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release, and the ledger of an executor that has traded it."""
    folder = tmp_path_factory.mktemp("traded")
    with beats():
        asyncio.run(_replay(CASE, folder))
    return folder


@pytest.fixture
def ledger(traded: Path, tmp_path: Path) -> Path:
    """The ledger in a folder of its own, beside the release."""
    shutil.copytree(traded / "published", tmp_path / "published")
    shutil.copy(traded / "state" / "ledger.sqlite", tmp_path / "ledger.sqlite")
    return tmp_path / "ledger.sqlite"


def compared(ledger: Path, history: CandleColumns | None = None) -> ParityResult:
    """The day compared in a lake that has the candles before it."""
    lake = Lake(ledger.parent)
    known = CASE.candles["BTCUSDT"].slice(None, CASE.begin_ms) if history is None else history
    times = pa.array(known.open_time).cast(pa.timestamp("ms", "UTC"))
    columns = {name: getattr(known, name) for name in ("open", "high", "low", "close", "volume")}
    table = pa.table({"open_time": times, **columns, "gap_before": pa.array([0] * len(known))})
    series = {"venue": "binance_usdm", "symbol": "BTCUSDT", "interval": "1m", "month": "2025-03"}
    lake.write(CANDLES, table, **series)
    export_ledger(lake, LedgerSource(str(ledger)), as_of=LATER)
    settings = ResearchSettings(lake=ledger.parent)
    return compare_day(lake, day=DAY, as_of=LATER, settings=settings)


def change(ledger: Path, sql: str, *values: object) -> None:
    """Falsify the ledger."""
    with closing(sqlite3.connect(ledger)) as database, database:
        assert database.execute(sql, values).rowcount > 0


def signal_of(ledger: Path, action: str, number: int = 3) -> tuple[str, dict[str, object]]:
    """Id and data of one signal."""
    with closing(sqlite3.connect(ledger)) as database:
        rows = database.execute(
            "select id, data from events where type = 'signal_generated' order by id"
        ).fetchall()
    found = [(name, json.loads(data)) for name, data in rows]
    return [one for one in found if one[1]["action"] == action][number]


def event(ledger: Path, name: str, time: datetime, kind: str, data: object) -> None:
    """Add an event."""
    sql = "insert into events (id, time, type, symbol, data, wall_time) values (?, ?, ?, '', ?, 0)"
    change(ledger, sql, name, int(time.timestamp() * 1000), kind, json.dumps(data))


def began(ledger: Path, time: datetime) -> None:
    """Let the run begin, and take its release, at another time."""
    sql = "update events set time = ? where type in ('system_started', 'release_changed')"
    change(ledger, f"{sql} and id like '0001-%'", int(time.timestamp() * 1000))


def test_a_replayed_day_is_equal(ledger: Path) -> None:
    found = compared(ledger)
    assert found.differences == ()
    assert {row["what"] for row in found.rows} == {"enter", "exit", "trade"}
    assert found.count("equal", "enter") >= 10
    assert found.count("equal", "exit") >= 1
    trades = [row for row in found.rows if row["what"] == "trade"]
    assert len(trades) >= 10
    for row in trades:
        assert abs(row["gap"]) < 1e-9
        assert row["delay_ms"] == 0
    assert "no difference" in found.sentence


def test_a_signal_that_the_executor_lost_is_found(ledger: Path) -> None:
    name, _ = signal_of(ledger, "enter")
    change(ledger, "delete from events where id = ?", name)
    (row,) = compared(ledger).differences
    assert row["what"] == "enter"
    assert row["reason"].endswith("the executor did not")


def test_a_signal_on_the_wrong_side_is_found(ledger: Path) -> None:
    name, data = signal_of(ledger, "enter")
    text = json.dumps(data | {"side": -1})
    change(ledger, "update events set data = ? where id = ?", text, name)
    (row,) = compared(ledger).differences
    assert row["reason"] == "side -1 live, 1 in the replay"


def test_a_signal_of_other_parameters_is_not_compared(ledger: Path) -> None:
    name, data = signal_of(ledger, "enter")
    text = json.dumps(data | {"stop_price": 1.0, "overrides": {"stop_loss": [0.006, 0.03]}})
    change(ledger, "update events set data = ? where id = ?", text, name)
    found = compared(ledger)
    assert [row["verdict"] for row in found.rows] == ["not compared"]
    assert found.rows[0]["reason"] == "the settings replaced stop_loss of the release"
    assert found.rolled_back == ""


@pytest.mark.parametrize(
    ("settings", "compares"),
    [
        ({"overrides": {"strategies.set.beat.stop_loss": "0.03"}}, False),
        ({"changes": {"strategies.set.beat.stop_loss": ["none", "0.03"]}}, False),
        ({"changes": {"strategies.set.beat.stop_loss": ["0.03", "none"]}}, True),
        ({"changes": {"strategies.set.other.stop_loss": ["none", "0.03"]}}, True),
    ],
)
def test_settings_that_replace_parameters_before_the_day_hold_on_it(
    ledger: Path, settings: dict[str, object], compares: bool
) -> None:
    began(ledger, DAY - timedelta(days=3))
    name, _ = signal_of(ledger, "enter")
    change(ledger, "delete from events where id = ?", name)
    event(ledger, "0001-000000b", DAY - timedelta(days=2), "config_changed", settings)
    found = compared(ledger)
    assert len(found.differences) == compares
    assert found.count("not compared", "subject") == (not compares)


def test_a_restart_on_the_day_before_is_no_obstacle(ledger: Path) -> None:
    yesterday = DAY - timedelta(hours=2)
    event(ledger, "0000-00000001", DAY - timedelta(days=2), "release_changed", {})
    event(ledger, "0000-00000002", yesterday, "ws_connected", {})
    began(ledger, yesterday + timedelta(minutes=1))
    found = compared(ledger)
    assert found.differences == ()
    assert found.count("equal", "enter") >= 10


def test_a_signal_on_a_candle_that_the_replay_holds_is_found(ledger: Path) -> None:
    name, data = signal_of(ledger, "enter")
    text = json.dumps(data | {"bar_time": int(str(data["bar_time"])) + 120_000})
    change(ledger, "update events set data = ? where id = ?", text, name)
    reasons = sorted(str(row["reason"])[:12] for row in compared(ledger).differences)
    assert reasons == ["the executor", "the replay d"]


def test_a_candle_received_with_another_price_is_a_difference(ledger: Path) -> None:
    _, data = signal_of(ledger, "enter")
    price = float(str(data["price"])) * 1.001
    where = "where open_time = ?"
    change(ledger, f"update received_candles set close = ? {where}", price, data["bar_time"])
    assert [row["what"] for row in compared(ledger).differences] == ["enter"]


def test_a_worse_price_is_slippage_and_beyond_the_band_a_difference(ledger: Path) -> None:
    before = compared(ledger)
    (first, *_) = [row for row in before.rows if row["what"] == "trade"]
    order = "select client_id from orders where leg = 'en' and position_id = ?"
    where = f"where client_id = ({order})"
    worse = "update fills set price = cast(cast(price as real) * ? as text)"
    change(ledger, f"{worse} {where}", 1.001, first["position_id"])
    within = next(r for r in compared(ledger).rows if r.get("position_id") == first["position_id"])
    assert within["verdict"] == "equal"
    assert within["slippage"] == pytest.approx(-0.001, rel=0.05)
    assert within["latency"] == 0.0
    change(ledger, f"{worse} {where}", 1.01, first["position_id"])
    (row,) = compared(ledger).differences
    assert row["position_id"] == first["position_id"]


def test_a_trade_that_ended_otherwise_is_found_and_one_by_hand_explained(ledger: Path) -> None:
    where = "where id = (select min(id) from positions where exit_reason = 'trailing_stop')"
    change(ledger, f"update positions set exit_reason = 'operator' {where}")
    found = compared(ledger)
    assert found.differences == ()
    assert found.count("explained", "trade") == 1


def test_without_the_candles_before_the_day_nothing_is_said_to_be_equal(ledger: Path) -> None:
    found = compared(ledger, CASE.candles["BTCUSDT"].rows(0, 10))
    assert {row["verdict"] for row in found.rows} == {"not compared"}
    assert "nocturne download" in found.rows[0]["reason"]


def test_candles_that_the_executor_did_not_hear_ask_for_no_decision(ledger: Path) -> None:
    _, data = signal_of(ledger, "enter")
    name, _ = signal_of(ledger, "enter")
    change(ledger, "delete from events where id = ?", name)
    change(ledger, "delete from received_candles where open_time = ?", data["bar_time"])
    change(
        ledger,
        "delete from events where type = 'candle_closed' and json_extract(data, '$.open_time') = ?",
        data["bar_time"],
    )
    whole = CASE.candles["BTCUSDT"]
    assert compared(ledger, whole).differences == ()


def test_a_difference_demotes_its_strategy_and_brings_the_release_before_back(
    ledger: Path,
) -> None:
    lake = Lake(ledger.parent)
    name, data = signal_of(ledger, "enter")
    change(ledger, "delete from events where id = ?", name)
    first = read_pointer(lake.published)
    assert first is not None
    second = publish_entries(
        lake.published, BEGIN + timedelta(minutes=1), _entries(CASE), timedelta(days=3)
    )
    assert second != first.release_id
    text = json.dumps({"release_id": second})
    change(
        ledger,
        "update events set data = json_patch(data, ?) where type = 'release_changed'",
        text,
    )
    found = compared(ledger)
    assert found.rolled_back == first.release_id
    pointer = read_pointer(lake.published)
    assert pointer is not None
    assert pointer.release_id == first.release_id
    assert compared(ledger).rolled_back == "", "a difference that is known moves nothing"
    look = Look(
        hypothesis="beat-1",
        as_of=DAY - timedelta(days=1),
        kind="strategy",
        name="beat",
        rules="1",
        grid="1",
        look=1,
        share=0.05,
        alpha=0.01,
        trials=1,
        days=1,
        symbols=("BTCUSDT",),
        passed=True,
        reason="",
        findings={"members": {"BTCUSDT": {}}},
    )
    (named,) = differences_by_day(lake, look, "binance_usdm", LATER).items()
    assert named[0] == int(DAY.timestamp() * 1000) // DAY_MS
    assert named[1].startswith("beat BTCUSDT ")
    assert differences_by_day(lake, look, "binance_usdm", DAY) == {}, "not known before its end"
    assert data["action"] == "enter"


def test_minutes_that_nobody_knows_are_not_compared(ledger: Path) -> None:
    middle = "select open_time from received_candles order by open_time limit 1 offset 40"
    change(ledger, f"delete from received_candles where open_time = ({middle})")
    found = compared(ledger)
    assert found.differences == ()
    assert {row["what"] for row in found.rows if row["verdict"] == "not compared"} == {"subject"}


def first_trade(found: ParityResult) -> dict[str, object]:
    """The first trade of a day."""
    return next(row for row in found.rows if row["what"] == "trade")


def test_a_trade_whose_stop_followed_a_forecast_is_not_compared(ledger: Path) -> None:
    before = compared(ledger)
    number = first_trade(before)["position_id"]
    change(ledger, "update positions set atr = atr + 12.5 where id = ?", number)
    found = compared(ledger)
    assert found.differences == ()
    assert found.count("not compared", "trade") == 1
    row = first_trade(found)
    assert (row["position_id"], row["verdict"]) == (number, "not compared")
    assert str(row["reason"]).startswith("its levels follow a forecast: a range of ")
    assert found.count("equal", "trade") == before.count("equal", "trade") - 1


def test_decisions_on_published_forecasts_and_their_trades_are_not_compared(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = type(get_strategy("beat"))
    monkeypatch.setattr(strategy, "reads_forecasts", lambda *_: True)
    name, _ = signal_of(ledger, "enter")
    change(ledger, "delete from events where id = ?", name)
    (row,) = compared(ledger).rows
    assert (row["what"], row["verdict"]) == ("subject", "not compared")
    assert row["reason"] == "beat decides on published forecasts, which the lake does not keep"


@pytest.mark.parametrize(
    ("settings", "compares"),
    [
        ({"changes": {"strategies.set.beat.stop_loss": ["0.03", "none"]}}, False),
        ({"overrides": {"strategies.set.beat.leave": "3"}}, False),
        ({"changes": {"strategies.set.other.stop_loss": ["0.03", "none"]}}, True),
    ],
)
def test_a_trade_that_began_under_settings_that_ended_is_not_compared(
    ledger: Path, settings: dict[str, object], compares: bool
) -> None:
    number = first_trade(compared(ledger))["position_id"]
    begun = DAY - timedelta(days=70)
    sql = "update positions set bar_time = ?, opened_at = ? where id = ?"
    moments = [int((begun + timedelta(minutes=minute)).timestamp() * 1000) for minute in (0, 1)]
    change(ledger, sql, *moments, number)
    event(ledger, "0000-000000b", begun + timedelta(days=20), "config_changed", settings)
    row = first_trade(compared(ledger))
    assert row["position_id"] == number
    assert row["verdict"] == "not compared"
    why = str(row["reason"])
    assert ("minutes of the trade" in why) if compares else ("for a part of the trade" in why)


def test_a_position_of_any_age_has_its_orders_and_trades(ledger: Path) -> None:
    number = first_trade(compared(ledger))["position_id"]
    begun = int((DAY - timedelta(days=90)).timestamp() * 1000)
    for sql in (
        "update positions set bar_time = ?, opened_at = ? where id = ?",
        "update fills set time = ? where client_id = ?",
        "update orders set created_at = ? where client_id = ?",
    ):
        with closing(sqlite3.connect(ledger)) as database:
            entry = database.execute(
                "select client_id from orders where leg = 'en' and position_id = ?", (number,)
            ).fetchone()[0]
        values = (begun, begun, number) if "positions" in sql else (begun, entry)
        change(ledger, sql, *values)
    lake = Lake(ledger.parent)
    export_ledger(lake, LedgerSource(str(ledger)), as_of=LATER)
    live = read_live_day(lake, DAY, LATER, 30)
    assert number in {row["id"] for row in live.positions}
    assert entry in live.orders
    assert entry in {fill["client_id"] for fill in live.fills[int(str(number))]}
