"""Views that are more than one table's files: releases, and the newest instruments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from lake.catalog import query
from lake.releases import publish
from lake.store import Lake
from lake.tables import RAW_INSTRUMENTS
from tests.lake.builders import AS_OF, WALL, candidate, entry
from trading.research.evidence.states import HypothesisEvidence

MAY = datetime(2025, 5, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "it's a [lake]=1")
    made.root.mkdir()
    return made


def published(lake: Lake, as_of: datetime, k: float) -> str:
    found = publish(
        lake.published, candidate(entry(k), entry(k, symbol="ETHUSDT"), as_of=as_of), WALL
    )
    return found.release_id


def test_releases_have_one_row_per_release_strategy_and_symbol(lake: Lake) -> None:
    first = published(lake, AS_OF, 0.5)
    second = published(lake, AS_OF + timedelta(days=1), 0.6)
    rows = query(lake, "select * from releases order by as_of, symbol").to_pylist()
    assert [(row["release_id"], row["symbol"]) for row in rows] == [
        (first, "BTCUSDT"),
        (first, "ETHUSDT"),
        (second, "BTCUSDT"),
        (second, "ETHUSDT"),
    ]
    row = rows[2]
    assert (row["strategy"], row["venue"], row["proven"]) == ("breakout", "binance_usdm", False)
    assert (row["sharpe"], row["trades"]) == (0.5, None)
    assert (row["gates"], row["failed"]) == (1, ["trades"])
    assert row["verdicts"] == ["trades ≥ 30"]
    assert (row["flow"], row["replaced"]) == ("nightly", first)
    assert row["as_of"] == AS_OF + timedelta(days=1)
    deep = query(
        lake, "select params->>'k' as k, (in_sample->>'sharpe')::double as s from releases"
    )
    assert deep.to_pylist()[0].keys() == {"k", "s"}
    assert set(deep["k"].to_pylist()) == {"0.5", "0.6"}


def test_refusals_name_the_gate_the_figure_and_what_would_have_passed(lake: Lake) -> None:
    first = published(lake, AS_OF, 0.5)
    rows = query(lake, "select * from refusals order by symbol").to_pylist()
    assert [(row["release_id"], row["symbol"]) for row in rows] == [
        (first, "BTCUSDT"),
        (first, "ETHUSDT"),
    ]
    row = rows[0]
    assert (row["gate"], row["figure"], row["required"]) == ("trades", 3.0, 30.0)
    assert (row["strategy"], row["sentence"]) == ("breakout", "trades ≥ 30")
    passed = candidate(entry(0.5, proven=True), as_of=AS_OF + timedelta(days=1))
    publish(lake.published, passed, WALL)
    assert query(lake, "select * from refusals").num_rows == 2


def test_a_release_that_is_being_written_or_not_yet_known_is_hidden(lake: Lake) -> None:
    published(lake, AS_OF, 0.5)
    torn = lake.published / "releases" / ".new-20250620T000000Z-aaaaaaaa"
    torn.mkdir()
    (torn / "manifest.json").write_text('{"release_id": "20')
    count = "select count(*) as n from releases"
    assert query(lake, count).to_pylist() == [{"n": 2}]
    assert query(lake, count, AS_OF).to_pylist() == [{"n": 2}]
    assert query(lake, count, AS_OF - timedelta(seconds=1)).to_pylist() == [{"n": 0}]


def test_releases_show_the_state_and_the_evidence_of_each_entry(tmp_path: Path) -> None:
    known = HypothesisEvidence("breakout-1", "confirmed", "E reached 40", e_value=41.5)
    confirmed = entry(proven=True).model_copy(update={"evidence": known})
    older = entry(symbol="ETHUSDT")
    lake = Lake(tmp_path)
    publish(lake.published, candidate(confirmed, older), WALL)
    columns = "symbol, state, hypothesis, e_value, reason"
    rows = query(lake, f"select {columns} from releases order by symbol").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("BTCUSDT", "confirmed", "breakout-1", 41.5, "E reached 40"),
        ("ETHUSDT", "unproven", None, None, None),
    ]


def test_a_lake_without_releases_has_the_same_columns(lake: Lake) -> None:
    empty = query(lake, "select * from releases").schema
    published(lake, AS_OF, 0.5)
    assert query(lake, "select * from releases").schema == empty


def instruments(time: datetime, **ticks: str) -> pa.Table:
    texts = ("base", "quote", "status", "step_size", "min_quantity", "max_quantity")
    return pa.table(
        {
            "symbol": list(ticks),
            "time": pa.array([time] * len(ticks), pa.timestamp("ms", tz="UTC")),
            "tick_size": list(ticks.values()),
            **{name: ["1"] * len(ticks) for name in texts},
        }
    )


def test_instruments_are_the_newest_snapshot_known(lake: Lake) -> None:
    june = MAY + timedelta(days=31)
    history = pa.concat_tables(
        [instruments(MAY, BTCUSDT="0.1", OLDUSDT="1"), instruments(june, BTCUSDT="0.01")]
    )
    lake.write(RAW_INSTRUMENTS, history, venue="binance_usdm")

    def ticks(as_of: datetime | None) -> dict[str, str]:
        rows = query(lake, "select symbol, tick_size from instruments", as_of).to_pylist()
        return {row["symbol"]: row["tick_size"] for row in rows}

    assert ticks(None) == {"BTCUSDT": "0.01", "OLDUSDT": "1"}
    assert ticks(june) == {"BTCUSDT": "0.1", "OLDUSDT": "1"}
    assert ticks(MAY) == {}
    assert query(lake, "from instruments_history").num_rows == 3


@pytest.mark.parametrize("share", [n / 20 for n in range(20)])
def test_a_torn_manifest_hides_its_own_release_alone(lake: Lake, share: float) -> None:
    first, second = published(lake, AS_OF, 0.5), published(lake, AS_OF + timedelta(days=1), 0.6)
    path = lake.published / "releases" / second / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: round(len(whole) * share)])
    found = query(lake, "select distinct release_id from releases").to_pylist()
    assert found == [{"release_id": first}]
    path.write_bytes(b"\xff\xfe\x00" + whole)
    assert query(lake, "select distinct release_id from releases").to_pylist() == found
