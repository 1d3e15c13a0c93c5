"""Raw minutes become checked minutes, go to quarantine with a reason, or fail their symbol."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pytest

from flows.engine.request import FlowArguments
from flows.hosting.launch import launch
from flows.settings import PROJECT, ValidationSettings
from flows.steps.data.checks.candle_checks import CheckedMonth, CheckRules, check_month
from flows.steps.data.checks.month_facts import facts_of
from flows.steps.data.known_events import KnownEvent, load_known_events
from flows.steps.data.validate import describe, validate, validate_symbol
from lake.store import Lake
from lake.tables import CANDLES, QUARANTINE, RAW_CANDLES
from tests.flows.candle_lake import MINUTE_MS, SAMPLE, minutes, ms, put_raw, table

if TYPE_CHECKING:
    from flows.steps.data.checks.expectations import SuiteResult

START = datetime(2025, 5, 4, tzinfo=UTC)
LATER = datetime(2025, 6, 1, tzinfo=UTC)
LENIENT = ValidationSettings(max_bad_share=0.5)


def suite_of(*months: pa.Table) -> SuiteResult:
    """Run the suite; importing it here costs seconds only in the tests that use it."""
    from flows.steps.data.checks.expectations import validate_facts

    return validate_facts([facts_of(month) for month in months])


def check(
    data: pa.Table,
    symbol: str = "BTCUSDT",
    *,
    settings: ValidationSettings = LENIENT,
    events: tuple[KnownEvent, ...] = (),
    sparse: bool = False,
) -> CheckedMonth:
    """Check one month that has no month before it."""
    return check_month(data, None, CheckRules(symbol, settings, events, sparse))


def known_of(symbol: str) -> tuple[KnownEvent, ...]:
    """Return the bundled events of a USDⓈ-M symbol."""
    events = load_known_events(PROJECT / "config" / "known_events.toml")
    return tuple(event for event in events if event.applies_to("binance_usdm", symbol))


def raw(columns: dict[str, list[Any]]) -> pa.Table:
    return table(columns)


def reasons(bad: pa.Table) -> dict[int, str]:
    """Return the reason by minute after START."""
    first = ms(START)
    times = [(time.value - first) // MINUTE_MS for time in bad["open_time"]]
    return dict(zip(times, bad["reason"].to_pylist(), strict=True))


def test_good_minutes_are_checked_unchanged(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    data = raw(minutes(START, 300))
    put_raw(lake, "BTCUSDT", data)
    report = validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    checked = lake.read(CANDLES)
    assert (report.status, report.rows, report.quarantined, report.gaps) == ("passed", 300, 0, 0)
    assert checked.select(data.column_names).to_pylist() == data.to_pylist()
    assert set(checked["gap_before"].to_pylist()) == {0}
    assert lake.partitions(QUARANTINE) == ()


def test_an_unchanged_month_is_not_checked_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_raw(lake, "BTCUSDT", raw(minutes(START, 200)))
    first = validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    path = lake.partitions(CANDLES)[0].path
    written = path.stat().st_mtime_ns
    second = validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    assert [month.skipped for month in first.months + second.months] == [False, True]
    assert (second.rows, second.status) == (200, "passed")
    assert path.stat().st_mtime_ns == written
    put_raw(lake, "BTCUSDT", raw(minutes(START, 201)))
    third = validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    assert (third.months[0].skipped, third.rows) == (False, 201)


def test_every_kind_of_bad_row_goes_to_quarantine_with_its_reason() -> None:
    columns = minutes(START, 400)
    columns["high"][10] = columns["low"][10]
    columns["low"][20] = columns["high"][20] + 1
    columns["volume"][30] = -1.0
    columns["low"][40] = 0.0
    columns["close"][50] = None
    columns["open"][60] = float("nan")
    columns["high"][70] = float("inf")
    columns["taker_buy_base"][80] = columns["volume"][80] + 1
    checked = check(raw(columns))
    assert reasons(checked.bad) == {
        10: "high is below open or close",
        20: "low is above open or close",
        30: "quote volume, trades or taker volume is wrong; volume is negative",
        40: "a price is not positive",
        50: "a price or the volume is missing",
        60: "a price or the volume is not a number",
        70: "a price or the volume is not a number",
        80: "quote volume, trades or taker volume is wrong",
    }
    assert checked.good.num_rows == 392
    assert (checked.failures, checked.errors) == ((), ())
    assert checked.good["gap_before"].to_pylist().count(1) == 8
    assert checked.good["gap_before"][10].as_py() == 1


def test_a_candle_off_the_full_minute_is_quarantined() -> None:
    columns = minutes(START, 300)
    columns["open_time"][100] += 1_500
    checked = check(raw(columns))
    assert checked.bad["reason"].to_pylist() == ["not on a full minute"]


def test_a_jump_without_volume_is_a_bad_print_and_one_with_volume_is_a_crash() -> None:
    columns = minutes(START, 600)
    for at, volume in ((200, 0.01), (400, 5000.0)):
        columns["close"][at] = 60.0
        columns["low"][at] = 60.0
        columns["open"][at + 1] = 60.0
        columns["low"][at + 1] = 60.0
        columns["volume"][at] = volume
        columns["taker_buy_base"][at] = 0.0
    checked = check(raw(columns))
    assert reasons(checked.bad) == {200: "price jumps without volume"}


def test_a_large_price_step_is_not_a_jump() -> None:
    columns = minutes(START, 600)
    for name in ("open", "high", "low", "close"):
        columns[name] = [300.0] * 600
    columns["high"][200] = columns["close"][200] = columns["high"][201] = columns["open"][201] = (
        301.0
    )
    columns["volume"][200] = 0.01
    columns["taker_buy_base"][200] = 0.0
    checked = check(raw(columns), "KRW-DOGE", sparse=True)
    assert checked.bad.num_rows == 0


def test_too_many_bad_rows_fail_the_symbol_and_leave_nothing_checked(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = minutes(START, 200)
    for at in (5, 6):
        columns["volume"][at] = -1.0
    put_raw(lake, "BTCUSDT", raw(columns))
    report = validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    assert report.status == "failed"
    assert (
        report.reasons
        == (
            "BTCUSDT: 2 of 200 rows are bad (1.00%, allowed 0.50%), first 2025-05-04 00:05: "
            "quote volume, trades or taker volume is wrong",
        )
        or "2 of 200 rows are bad" in report.reasons[0]
    )
    assert lake.partitions(CANDLES) == ()
    assert lake.read(QUARANTINE).num_rows == 2


def without(columns: dict[str, list[Any]], first: int, count: int) -> dict[str, list[Any]]:
    return {name: values[:first] + values[first + count :] for name, values in columns.items()}


def test_a_gap_is_marked_and_used() -> None:
    data = raw(without(minutes(START, 300), 100, 3))
    checked = check(data, settings=ValidationSettings())
    assert (checked.failures, checked.gaps) == ((), ((ms(START) + 100 * MINUTE_MS, 3),))
    assert checked.good["gap_before"].to_pylist()[100] == 3
    assert checked.good.num_rows == 297


@pytest.mark.parametrize(("quiet", "known"), [(19, True), (20, False)])
def test_the_outage_of_2023_09_12_is_known_by_number(quiet: int, known: bool) -> None:
    start = datetime(2023, 9, 12, 8, tzinfo=UTC)
    columns = minutes(start, 120)
    for at in range(34, 34 + quiet):
        columns["volume"][at] = columns["taker_buy_base"][at] = 0.0
    checked = check(raw(columns), "FILUSDT", events=known_of("FILUSDT"))
    assert len(checked.oddities) == known
    assert checked.quiet[1] == (0 if known else 20)
    assert (checked.failures, checked.good.num_rows) == ((), 120)


def test_the_archive_sample_passes_with_its_known_outage() -> None:
    (path,) = SAMPLE.glob("binance_archive/**/FILUSDT-1m-2023-09.zip")
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0])
    file = pyarrow.csv.read_csv(io.BytesIO(text))
    names = {"count": "trades", "taker_buy_volume": "taker_buy_base"}
    names |= {"taker_buy_quote_volume": "taker_buy_quote"}
    data = file.rename_columns([names.get(name, name) for name in file.column_names])
    columns = {name: data[name].to_pylist() for name in minutes(START, 1)}
    checked = check(raw(columns), "FILUSDT", events=known_of("FILUSDT"))
    assert (checked.good.num_rows, checked.bad.num_rows, checked.failures) == (43_200, 0, ())
    assert "19 minutes without a trade from 2023-09-12 08:34" in checked.oddities[0]


def test_nothing_at_or_after_as_of_is_read_and_later_rows_stay(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_raw(lake, "BTCUSDT", raw(minutes(START, 300)))
    early = START + timedelta(minutes=120)
    assert validate_symbol(lake, "binance_usdm", "BTCUSDT", early).rows == 120
    assert lake.read(CANDLES).num_rows == 120
    validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    assert validate_symbol(lake, "binance_usdm", "BTCUSDT", early).rows == 120
    assert lake.read(CANDLES).num_rows == 300


def test_a_symbol_that_fails_or_errs_does_not_stop_the_others(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_raw(lake, "AAAUSDT", raw(minutes(START, 100)))
    broken = minutes(START, 100)
    broken["volume"][50] = broken["volume"][51] = -1.0
    put_raw(lake, "BBBUSDT", raw(broken))
    put_raw(lake, "CCCUSDT", raw(minutes(START, 100)))
    (damaged,) = lake.partitions(RAW_CANDLES, symbol="CCCUSDT")
    damaged.path.write_bytes(b"PAR1 half a file")
    said: list[str] = []
    symbols = ["CCCUSDT", "BBBUSDT", "DDDUSDT", "AAAUSDT"]
    report = validate(lake, as_of=LATER, symbols=symbols, progress=said.append)
    assert [r.status for r in report.symbols] == ["errored", "failed", "failed", "passed"]
    assert report.passed == ("AAAUSDT",)
    assert set(report.left_out) == {"BBBUSDT", "CCCUSDT", "DDDUSDT"}
    assert "cannot be read" in report.left_out["CCCUSDT"]
    assert report.left_out["DDDUSDT"] == "no candles of DDDUSDT before 2025-06-01 00:00"
    assert (
        said[3]
        == describe(report.symbols[3])
        == ("AAAUSDT passed: 100 rows, 0 quarantined, 0 gaps")
    )


def test_a_symbol_that_fails_keeps_its_last_good_partition(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put_raw(lake, "BTCUSDT", raw(minutes(START, 100)))
    validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER)
    broken = minutes(START, 200)
    broken["volume"][50] = broken["volume"][51] = -1.0
    put_raw(lake, "BTCUSDT", raw(broken))
    assert not validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER).ok
    assert lake.read(CANDLES).num_rows == 100


def test_the_suite_names_the_expectations_that_failed() -> None:
    columns = minutes(START, 50)
    columns["high"][7] = columns["low"][7] = columns["open"][7] - 0.5
    columns["volume"][9] = -3.0
    result = suite_of(raw(minutes(START, 50)), raw(columns), raw(minutes(START, 20)))
    assert result.failed == (
        "lowest_volume is -3.0, at least 0 is wanted",
        "over_high is 0.5, at most 0 is wanted",
    )
    assert result.errored == ()


WRONG: list[tuple[str, str, Any, str]] = [
    ("a price of 0", "low", 0.0, "lowest_price"),
    ("an infinite price", "high", float("inf"), "empty"),
    ("a price beyond any market", "high", 1e16, "highest_price"),
    ("no price", "open", None, "empty"),
    ("a price that is no number", "close", float("nan"), "empty"),
    ("a negative volume", "volume", -1.0, "lowest_volume"),
    ("a volume beyond any market", "volume", 1e16, "highest_volume"),
    ("a negative flow", "taker_buy_quote", -1.0, "lowest_flow"),
    ("negative trades", "trades", -1, "lowest_flow"),
    ("a flow beyond any market", "quote_volume", 1e16, "highest_flow"),
    ("a low above the close", "low", 1e6, "under_low"),
]


@pytest.mark.parametrize(
    ("column", "value", "named"), [pytest.param(*rest, id=name) for name, *rest in WRONG]
)
def test_one_wrong_value_in_one_of_many_months_fails_the_suite(
    column: str, value: Any, named: str
) -> None:
    columns = minutes(START, 50)
    columns[column][17] = value
    result = suite_of(*[raw(minutes(START, 50))] * 5, raw(columns))
    assert named in [phrase.split()[0] for phrase in result.failed]
    assert result.errored == ()


@pytest.mark.parametrize(
    ("moved_ms", "named"),
    [(MINUTE_MS, "shortest_step"), (2 * MINUTE_MS, "shortest_step"), (1, "past_minute")],
)
def test_a_minute_twice_out_of_order_or_between_minutes_fails_the_suite(
    moved_ms: int, named: str
) -> None:
    data = raw(minutes(START, 50))
    times = data["open_time"].cast(pa.int64()).to_pylist()
    times[17] += moved_ms
    moved = pa.array(times).cast(data.schema.field("open_time").type)
    result = suite_of(data.set_column(0, "open_time", moved), data)
    assert named in [phrase.split()[0] for phrase in result.failed]


@pytest.mark.parametrize("name", ["open_time", "close", "volume", "trades"])
def test_a_column_that_is_missing_or_of_another_type_fails_the_suite(name: str) -> None:
    data = raw(minutes(START, 50))
    place = data.column_names.index(name)
    for foreign in (
        data.drop_columns([name]),
        data.set_column(place, name, data[name].cast(pa.string())),
    ):
        assert suite_of(foreign).failed == ("foreign is 1, at most 0 is wanted",)


def test_an_expectation_that_cannot_run_is_an_error_and_not_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows.steps.data.checks import expectations

    good = raw(minutes(START, 50))
    monkeypatch.setattr(expectations, "margins", lambda _: [math.nan])
    assert suite_of(good).errored == ("the gate over all facts",)
    monkeypatch.setattr(expectations, "asdict", lambda month: {"rows": month.rows})
    result = suite_of(good)
    assert "expect_column_max_to_be_between empty" in result.errored
    assert result.failed == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", 0),
        ("foreign", 1),
        ("empty", 1),
        ("lowest_price", 0.0),
        ("highest_price", 2e15),
        ("lowest_volume", -1e-9),
        ("highest_volume", 2e15),
        ("lowest_flow", -1e-9),
        ("highest_flow", 2e15),
        ("shortest_step", MINUTE_MS - 1),
        ("past_minute", 1),
        ("over_high", 1e-9),
        ("under_low", 1e-9),
    ],
)
def test_one_fact_beyond_its_bound_among_many_months_is_named(name: str, value: float) -> None:
    from flows.steps.data.checks.expectations import validate_facts

    good = facts_of(raw(minutes(START, 50)))
    assert validate_facts([good] * 3).passed
    (phrase,) = validate_facts([good, replace(good, **{name: value}), good]).failed
    assert phrase.startswith(f"{name} is {value}")


def test_a_suite_over_no_month_does_not_pass() -> None:
    assert not suite_of().passed


@pytest.mark.parametrize("count", [1, 2, 200])
def test_a_month_without_a_good_row_costs_no_other_month(tmp_path: Path, count: int) -> None:
    lake = Lake(tmp_path)
    columns = minutes(LATER - timedelta(minutes=100), 100 + count)
    columns["volume"][100:] = [-1.0] * count
    put_raw(lake, "BTCUSDT", raw(columns))
    report = validate_symbol(lake, "binance_usdm", "BTCUSDT", LATER + timedelta(days=1))
    assert [month.month for month in report.months] == ["2025-05", "2025-06"]
    assert report.months[0].rows == 100
    assert report.quarantined == count
    assert report.ok == (count == 1)
    assert lake.read(CANDLES, ["open_time"]).num_rows == 100


def test_data_docs_are_written_on_request(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    put_raw(lake, "BTCUSDT", raw(minutes(START, 100)))
    columns = minutes(START, 100)
    columns["volume"][7] = -3.0
    put_raw(lake, "ETHUSDT", raw(columns))
    settings = tmp_path / "research.toml"
    settings.write_text(f'data_docs = "docs"\nwork = "{tmp_path / "work"}"\n')
    arguments = FlowArguments(LATER, lake.root, tmp_path, ("BTCUSDT", "ETHUSDT"))
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOCTURNE_RESEARCH_DATA_DOCS", str(tmp_path / "docs"))
        launch("validate", arguments, settings=settings, server="none", say=lines.append)
    first = tmp_path / "docs" / "index.html"
    assert any(line.endswith(f"data docs: {first}") for line in lines)
    pages = {name: "" for name in ("BTCUSDT", "ETHUSDT")}
    for page in (tmp_path / "docs" / "validations").rglob("*.html"):
        pages |= {name: page.read_text() for name in pages if page.stem.endswith(name)}
        assert page.name in first.read_text()
    assert "lowest_volume" in pages["ETHUSDT"]  # one bad row is allowed
    found = {name: page.replace("Failed Only", "") for name, page in pages.items()}  # a button
    assert ("Failed" in found["BTCUSDT"], "Failed" in found["ETHUSDT"]) == (False, True)


def test_data_docs_that_cannot_be_written_end_no_run(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    put_raw(lake, "BTCUSDT", raw(minutes(START, 100)))
    put_raw(lake, "ETHUSDT", raw(minutes(START, 100)))
    for damaged in (path for path in lake.root.rglob("*.parquet") if "ETHUSDT" in str(path)):
        damaged.write_bytes(b"PAR1 half a file")
    (tmp_path / "docs").write_text("a file where the folder should be")
    settings = tmp_path / "research.toml"
    settings.write_text(f'work = "{tmp_path / "work"}"\n')
    arguments = FlowArguments(LATER, lake.root, tmp_path, ("BTCUSDT", "ETHUSDT"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOCTURNE_RESEARCH_DATA_DOCS", str(tmp_path / "docs"))
        result = launch("validate", arguments, settings=settings, server="none")
    assert result.message.startswith("1 symbols passed: BTCUSDT; not complete for ETHUSDT; ")
    assert f"data docs not written: the data docs cannot be written to {tmp_path}" in result.message
