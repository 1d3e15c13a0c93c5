"""Holes in the candles are found wherever they lie, marked, explained, and used within limits."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.settings import ValidationSettings
from flows.steps.data.holes import Gap, whole_months
from flows.steps.data.known_events import KnownEvent, load_known_events
from flows.steps.data.validate import ExpectedCandles, SymbolReport, validate_symbol
from lake.catalog import query
from lake.store import Lake
from lake.tables import CANDLES, GAPS
from tests.flows.candle_lake import MINUTE_MS, minutes, ms, put_raw, table
from trading.errors import SettingsError

START = datetime(2025, 5, 31, tzinfo=UTC)
DAY = 1440


def without(columns: dict[str, list[Any]], first: int, count: int) -> dict[str, list[Any]]:
    return {name: values[:first] + values[first + count :] for name, values in columns.items()}


def joined(*parts: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def check(
    lake: Lake,
    columns: dict[str, list[Any]],
    *,
    known: tuple[KnownEvent, ...] = (),
    settings: ValidationSettings | None = None,
    as_of: datetime | None = None,
) -> SymbolReport:
    """Check the candles of one symbol up to the last one."""
    put_raw(lake, "BTCUSDT", table(columns))
    end = as_of or datetime.fromtimestamp(columns["open_time"][-1] / 1000 + 60, UTC)
    return validate_symbol(lake, "binance_usdm", "BTCUSDT", end, settings=settings, known=known)


def gap_rows(lake: Lake) -> list[tuple[int, int, str]]:
    """Return the first missing minute (ms), the number and the cause of every stored gap.

    The days of the first month before the first candle are left out.
    """
    found = lake.read(GAPS, symbol="BTCUSDT").to_pylist()
    return [(ms(r["first"]), r["minutes"], r["cause"]) for r in found if r["first"].day != 1]


def event(**values: Any) -> KnownEvent:
    """Return an outage of BTCUSDT; ``values`` replace its own."""
    usual: dict[str, Any] = {
        "venue": "binance_usdm",
        "symbol": "BTCUSDT",
        "cause": "maintenance",
        "first": START,
        "minutes": 10,
        "reason": "upgrade",
        "source": "announcement",
        "noted": "2025-06-02",
    }
    return KnownEvent.model_validate({**usual, **values})


@pytest.mark.parametrize("seed", range(20))
def test_a_hole_anywhere_is_marked_listed_and_used(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    start = START - timedelta(days=1)
    count = rng.choice([1, 1, 2, 10, 59, 60])
    at = rng.choice([1, 700, 2 * DAY - count // 2 - 1, 2 * DAY - count, DAY + 1, 2 * DAY - 1])
    report = check(lake, without(minutes(start, 3 * DAY), at, count))
    assert (report.status, report.gaps, report.rows) == ("passed", 1, 3 * DAY - count)
    assert gap_rows(lake) == [(ms(start) + at * MINUTE_MS, count, "unknown")]
    marks = lake.read(CANDLES)["gap_before"].to_pylist()
    assert (marks[at], sum(marks)) == (count, count)


@pytest.mark.parametrize("seed", range(20))
def test_whole_absent_months_are_marked_named_and_limited(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    first = datetime(2024, rng.randint(1, 6), 28, tzinfo=UTC)
    month = first.month + rng.randint(1, 4) + 1
    later = datetime(2024, month, rng.choice([1, 2]), tzinfo=UTC)
    columns = joined(minutes(first, 60), minutes(later, 60))
    lenient = ValidationSettings(max_gap_minutes=10**9, max_missing_share=1)
    report = check(lake, columns, settings=lenient)
    missing = int((later - first).total_seconds()) // 60 - 60
    assert gap_rows(lake) == [(ms(first) + 60 * MINUTE_MS, missing, "unknown")]
    assert report.status == "passed"
    assert lake.read(CANDLES)["gap_before"].to_pylist()[60] == missing
    left_out = check(lake, columns)
    assert left_out.status == "failed"
    assert left_out.months[1].skipped
    for number in range(first.month + 1, month):
        assert f"2024-{number:02}" in left_out.reasons[0]
    assert "validation.max_gap_minutes = 10080" in left_out.reasons[0]


@pytest.mark.parametrize("seed", range(20))
def test_quiet_minutes_leave_no_symbol_out_within_the_limit(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    count, at = rng.choice([10, 11, 60, 240]), rng.randint(0, 1500)
    columns = minutes(START, 2 * DAY)
    for index in range(at, at + count):
        columns["volume"][index] = columns["taker_buy_base"][index] = 0.0
    assert check(lake, columns).ok
    strict = check(lake, columns, settings=ValidationSettings(max_quiet_minutes=count - 1))
    assert strict.reasons == (
        f"BTCUSDT: {count} minutes without a trade from "
        f"{START + timedelta(minutes=at):%Y-%m-%d %H:%M}, "
        f"more than validation.max_quiet_minutes = {count - 1}",
    )
    assert check(lake, columns, settings=ValidationSettings(max_quiet_minutes=count)).ok


@pytest.mark.parametrize("seed", range(20))
def test_too_many_holes_leave_a_symbol_out(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    lost = sorted(rng.sample(range(1, DAY - 1), rng.randint(3, 40)))
    columns = {
        name: [value for index, value in enumerate(values) if index not in lost]
        for name, values in minutes(START, DAY).items()
    }
    share = (len(lost) - 0.5) / DAY
    strict = check(lake, columns, settings=ValidationSettings(max_missing_share=share))
    assert not strict.ok
    assert f"{len(lost)} of 1440 minutes are absent" in strict.reasons[0]
    assert "validation.max_missing_share" in strict.reasons[0]
    assert check(lake, columns).ok


def test_an_old_last_candle_leaves_a_symbol_out(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = minutes(START - timedelta(days=1), DAY)
    settings = ValidationSettings(max_days_since_last=30)
    later = START + timedelta(days=40)
    report = check(lake, columns, settings=settings, as_of=later)
    assert report.reasons == (
        "BTCUSDT: the last candle, 2025-05-30 23:59, is 40 days old, "
        "more than validation.max_days_since_last = 30",
    )
    assert gap_rows(lake)[-1] == (ms(START), 40 * DAY, "unknown")
    known = (event(cause="delisted", minutes=None),)
    delisted = check(lake, columns, settings=settings, as_of=later, known=known)
    assert "is 40 days old (delisted)" in delisted.reasons[0]
    assert gap_rows(lake)[-1][2] == "delisted"


def test_a_known_outage_gives_its_cause_and_counts_against_no_limit(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = without(minutes(START, DAY), 100, 30)
    strict = ValidationSettings(max_gap_minutes=5, max_missing_share=0)
    known = event(first=START + timedelta(minutes=90), minutes=40)
    assert check(lake, columns, settings=strict, known=(known,)).ok
    assert [row[2] for row in gap_rows(lake)] == ["maintenance"]
    short = event(first=START + timedelta(minutes=100), minutes=29)
    assert not check(lake, columns, settings=strict, known=(short,)).ok
    assert [row[2] for row in gap_rows(lake)] == ["unknown"]


def test_a_quarantined_minute_is_a_gap_of_the_source(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = minutes(START, DAY)
    columns["low"][700] = -1.0
    report = check(lake, columns)
    assert (report.status, report.quarantined) == ("passed", 1)
    assert gap_rows(lake) == [(ms(START) + 700 * MINUTE_MS, 1, "source")]


def test_one_bad_row_of_a_short_month_never_fails_it(tmp_path: Path) -> None:
    columns = minutes(START, 60)
    columns["low"][7] = -1.0
    assert check(Lake(tmp_path), columns).ok


def test_a_gap_that_was_filled_leaves_the_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    check(lake, without(minutes(START, DAY), 100, 3))
    assert gap_rows(lake)
    check(lake, minutes(START, DAY))
    assert gap_rows(lake) == []
    assert set(lake.read(CANDLES)["gap_before"].to_pylist()) == {0}


def test_gaps_are_a_view(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    check(lake, without(minutes(START.replace(day=1), DAY), 100, 3))
    found = query(lake, "select symbol, minutes, cause from gaps order by first, last")
    assert found.to_pylist() == [{"symbol": "BTCUSDT", "minutes": 3, "cause": "unknown"}]


def test_whole_months_need_both_ends() -> None:
    def gap(first: datetime, end: datetime) -> Gap:
        length = int((end - first).total_seconds()) // 60
        return Gap(ms(first), ms(end) - MINUTE_MS, length, "unknown")

    def day(month: int, number: int) -> datetime:
        return datetime(2025, month, number, tzinfo=UTC)

    assert whole_months(gap(day(4, 30), day(7, 2))) == ["2025-05", "2025-06"]
    assert whole_months(gap(day(5, 1), day(6, 1))) == ["2025-05"]
    assert whole_months(gap(day(5, 2), day(6, 30))) == []


BAD_EVENTS = {
    "venue = 1": "event 1, 'venue'",
    "cause = 'unknown'": "event 1, 'cause'",
    "cause = 'storm'": "event 1, 'cause'",
    "first = 'soon'": "event 1, 'first'",
    "first = 12:00:00": "event 1, 'first'",
    "minutes = 0": "event 1, 'minutes'",
    "minutes = -5": "event 1, 'minutes'",
    "minutes = 1.5": "event 1, 'minutes'",
    "minutes = 'ten'": "event 1, 'minutes'",
    "keep = 'perhaps'": "event 1, 'keep'",
    "noted = 'yesterday'": "event 1, 'noted'",
    "symbol = ['A', 'B']": "event 1, 'symbol'",
    "reason = 5": "event 1, 'reason'",
    "source = false": "event 1, 'source'",
    "until = 2025-01-01": "event 1, 'until'",
    "cause = 'delisted'": "an outage needs 'minutes', a delisting has none",
    "first = ": "is not TOML",
    "venue = 'a": "is not TOML",
    "venue": "is not TOML",
    "cause = ''": "event 1, 'cause'",
}


@pytest.mark.parametrize("line", BAD_EVENTS)
def test_a_bad_event_gives_one_sentence(tmp_path: Path, line: str) -> None:
    usual = {
        "venue": "'binance_usdm'",
        "symbol": "'*'",
        "cause": "'maintenance'",
        "first": "2025-01-01T00:00:00Z",
        "minutes": "5",
        "reason": "'upgrade'",
        "source": "'announcement'",
        "noted": "2025-01-02",
    }
    usual.pop(line.split("=")[0].strip(), None)
    path = tmp_path / "events.toml"
    lines = [f"{name} = {value}" for name, value in usual.items()]
    path.write_text("\n".join(["[[event]]", *lines, line]))
    with pytest.raises(SettingsError, match="known events") as caught:
        load_known_events(path)
    assert BAD_EVENTS[line] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_files_of_events_give_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="see the setting 'known_events'"):
        load_known_events(tmp_path / "absent.toml")
    path = tmp_path / "events.toml"
    path.write_text("[events]\n")
    with pytest.raises(SettingsError, match=r"'events' is not a list of \[\[event\]\] entries"):
        load_known_events(path)


@pytest.mark.parametrize("seed", range(20))
def test_a_hole_across_months_counts_from_the_last_good_row(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    start = datetime(2025, 5, 31, 12, tzinfo=UTC)
    columns = minutes(start, 2 * 720)
    bad, absent = rng.randint(1, 3), rng.randint(0, 5)
    for row in range(720 - bad, 720):
        columns["high"][row] = columns["low"][row] / 2
    columns = without(columns, 720, absent)
    report = check(lake, columns)
    assert report.ok
    marks = lake.read(CANDLES, month="2025-06")["gap_before"].to_pylist()
    assert (marks[0], sum(marks)) == (bad + absent, bad + absent)
    assert (ms(start) + (720 - bad) * MINUTE_MS, bad + absent) in [r[:2] for r in gap_rows(lake)]
    again = check(lake, columns)
    assert all(month.skipped for month in again.months)
    assert lake.read(CANDLES, month="2025-06")["gap_before"].to_pylist() == marks


@pytest.mark.parametrize("days", [*range(1, 11), 20, 31, 45, 60, 61, 90, 91, 120, 180, 365])
def test_days_before_the_first_candle_that_are_wanted_are_a_gap(tmp_path: Path, days: int) -> None:
    lake = Lake(tmp_path)
    put_raw(lake, "BTCUSDT", table(minutes(START, DAY)))
    end = START + timedelta(days=1)
    report = validate_symbol(
        lake,
        "binance_usdm",
        "BTCUSDT",
        end,
        expected=ExpectedCandles(START - timedelta(days=days)),
    )
    assert report.ok
    first = lake.read(GAPS, symbol="BTCUSDT").to_pylist()[0]
    assert (first["first"], first["minutes"]) == (START - timedelta(days=days), days * DAY)


@pytest.mark.parametrize("seed", range(20))
def test_six_hours_without_a_candle_are_used(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    at, count = rng.randint(2 * DAY, 7 * DAY), rng.randint(300, 420)
    report = check(lake, without(minutes(START, 8 * DAY), at, count))
    assert (report.status, report.gaps, report.rows) == ("passed", 1, 8 * DAY - count)
    assert gap_rows(lake) == [(ms(START) + at * MINUTE_MS, count, "unknown")]
    strict = check(
        lake,
        without(minutes(START, 8 * DAY), at, count),
        settings=ValidationSettings(max_gap_minutes=count - 1),
    )
    assert strict.status == "failed"
    assert f"validation.max_gap_minutes = {count - 1}" in strict.reasons[0]
