"""Flows on the bundled sample work as of its last day, unless there are other candles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.engine.bundled_sample import end_of_bundled_sample
from flows.engine.request import FlowArguments, make_request
from flows.hosting.launch import launch
from flows.settings import FILE_VARIABLE, load_settings
from lake.store import Lake
from lake.tables import RAW_CANDLES
from tests.flows.sample import SAMPLE
from trading.errors import DataError

END = datetime(2025, 6, 24, 10, 33, tzinfo=UTC)
SCHEDULED = datetime(2026, 11, 29, 0, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def default_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use the defaults of every setting, whatever this machine's file says."""
    file = tmp_path / "research.toml"
    file.write_text("")
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    return file


def _as_of(lake: Path, flow: str = "nightly", as_of: str | None = None) -> datetime:
    arguments = FlowArguments(as_of=as_of, lake=lake)
    return make_request(arguments, flow=flow, default_as_of=SCHEDULED).as_of


def test_a_scheduled_run_on_the_sample_works_as_of_its_end(tmp_path: Path) -> None:
    assert _as_of(tmp_path / "lake") == END
    request = make_request(FlowArguments(lake=tmp_path), flow="scan", default_as_of=SCHEDULED)
    assert request.on_sample


def test_a_given_time_wins_over_the_end_of_the_sample(tmp_path: Path) -> None:
    assert _as_of(tmp_path, as_of="2025-06-19") == datetime(2025, 6, 19, tzinfo=UTC)


@pytest.mark.parametrize("flow", ["download", "export_ledger"])
def test_a_flow_over_live_data_does_not_go_back_to_the_sample(flow: str, tmp_path: Path) -> None:
    assert _as_of(tmp_path, flow) == SCHEDULED


def test_with_the_download_on_the_scheduled_time_counts(
    tmp_path: Path, default_settings: Path
) -> None:
    default_settings.write_text("[download]\nenabled = true\n")
    assert _as_of(tmp_path) == SCHEDULED


def test_with_another_source_the_scheduled_time_counts(
    tmp_path: Path, default_settings: Path
) -> None:
    default_settings.write_text(f'sample = "{tmp_path}"\n')
    assert _as_of(tmp_path / "lake") == SCHEDULED


def test_a_symbol_of_old_archives_alone_ends_with_its_last_month(tmp_path: Path) -> None:
    settings = load_settings(lake=tmp_path, symbols=("FILUSDT",))
    assert end_of_bundled_sample(settings) == datetime(2023, 10, 1, tzinfo=UTC)


def test_symbols_that_the_sample_lacks_have_no_end(tmp_path: Path) -> None:
    assert end_of_bundled_sample(load_settings(lake=tmp_path, symbols=("DOGEUSDT",))) is None


def put(lake: Path, symbol: str, moment: datetime, venue: str = "binance_usdm") -> None:
    """Write one candle of the user's own."""
    row = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0) | {"open_time": moment}
    data = RAW_CANDLES.schema.empty_table().from_pylist([row], schema=RAW_CANDLES.schema)
    month = f"{moment:%Y-%m}"
    Lake(lake).write(RAW_CANDLES, data, venue=venue, symbol=symbol, interval="1m", month=month)


@pytest.mark.parametrize("days", [3, 30, 400, 1200])
def test_own_candles_that_end_long_ago_are_worked_on_as_of_their_end(
    tmp_path: Path, days: int
) -> None:
    last = SCHEDULED - timedelta(days=days)
    put(tmp_path, "NEARUSDT", last)
    put(tmp_path, "FILUSDT", last - timedelta(days=1))
    request = make_request(FlowArguments(lake=tmp_path), flow="scan", default_as_of=SCHEDULED)
    assert request.settings.symbols == ("FILUSDT", "NEARUSDT")
    assert request.as_of == last + timedelta(minutes=1)
    assert (request.on_stored, request.on_sample) == (True, False)


@pytest.mark.parametrize("hours", [0, 1, 47])
def test_own_fresh_candles_are_worked_on_as_of_now(tmp_path: Path, hours: int) -> None:
    put(tmp_path, "NEARUSDT", SCHEDULED - timedelta(hours=hours))
    request = make_request(FlowArguments(lake=tmp_path), flow="scan", default_as_of=SCHEDULED)
    assert (request.settings.symbols, request.as_of) == (("NEARUSDT",), SCHEDULED)
    assert not request.on_stored


@pytest.mark.parametrize(
    ("now", "old"),
    [
        ("2026-11-28T12:00", False),  # Saturday: the last candle is of Friday
        ("2026-11-30T00:00", False),  # Monday, before the session
        ("2026-12-02T00:00", False),
        ("2026-12-02T07:00", True),  # Monday's session ended two days ago
    ],
)
def test_a_weekend_makes_no_candle_of_a_stock_old(
    tmp_path: Path, default_settings: Path, now: str, old: bool
) -> None:
    default_settings.write_text('venue = "krx"\n')
    put(tmp_path, "005930", datetime(2026, 11, 27, 6, 30, tzinfo=UTC), venue="krx")
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    request = make_request(FlowArguments(lake=tmp_path), flow="scan", default_as_of=moment)
    assert request.on_stored == old


@pytest.mark.parametrize(
    ("names", "venue", "symbols"),
    [
        ((), "binance_usdm", ("BTCUSDT", "ETHUSDT")),
        (("SOLUSDT.csv",), "binance_usdm", ("SOLUSDT",)),
        (("krx/005930-1m.csv", "usdm/SOLUSDT.csv"), "krx", ("005930",)),
        (("SOLUSDT.csv", "ADAUSDT-1m-2024-05.csv"), "binance_usdm", ("ADAUSDT", "SOLUSDT")),
        (("SOLUSDT-1h.csv", "notes.txt"), "binance_usdm", ("BTCUSDT", "ETHUSDT")),
    ],
)
def test_an_own_folder_names_the_symbols(
    tmp_path: Path,
    default_settings: Path,
    names: tuple[str, ...],
    venue: str,
    symbols: tuple[str, ...],
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("open_time,open,high,low,close,volume\n")
    default_settings.write_text(f'sample = "{folder}"\nvenue = "{venue}"\n')
    request = make_request(FlowArguments(lake=tmp_path / "lake"), flow="nightly")
    assert request.settings.symbols == symbols


@pytest.mark.parametrize("name", ["nightly", "import"])
def test_an_empty_folder_without_candles_names_the_next_command(
    tmp_path: Path, default_settings: Path, name: str
) -> None:
    (tmp_path / "import").mkdir()
    default_settings.write_text(f'sample = "{tmp_path / "import"}"\n')
    with pytest.raises(DataError) as refused:
        launch(name, FlowArguments(lake=tmp_path / "lake"), server="none", say=lambda _: None)
    assert "next: `nocturne download --symbols BTCUSDT,ETHUSDT`" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_empty_folder_is_fine_beside_downloaded_candles(
    tmp_path: Path, default_settings: Path
) -> None:
    (tmp_path / "import").mkdir()
    default_settings.write_text(f'sample = "{tmp_path / "import"}"\n')
    put(tmp_path / "lake", "NEARUSDT", SCHEDULED - timedelta(days=30))
    request = make_request(FlowArguments(lake=tmp_path / "lake"), flow="nightly")
    assert (request.settings.symbols, request.on_stored) == (("NEARUSDT",), True)
    done = launch("import", FlowArguments(lake=tmp_path / "lake"), server="none", say=print)
    assert done.message == "0 files, 0 partitions written"


def test_symbols_that_are_named_win_over_those_in_the_lake(
    tmp_path: Path, default_settings: Path
) -> None:
    put(tmp_path, "NEARUSDT", SCHEDULED - timedelta(days=30))
    given = FlowArguments(lake=tmp_path, symbols=("BTCUSDT",))
    assert make_request(given, flow="scan").settings.symbols == ("BTCUSDT",)
    default_settings.write_text('symbols = ["ETHUSDT"]\n')
    request = make_request(FlowArguments(lake=tmp_path), flow="scan")
    assert (request.settings.symbols, request.as_of) == (("ETHUSDT",), END)


def test_a_flow_on_the_sample_completes_and_says_how_old_it_is(tmp_path: Path) -> None:
    lines: list[str] = []
    arguments = FlowArguments(lake=tmp_path / "lake", symbols=("BTCUSDT",))
    launch("import", arguments, server="none", say=lines.append)
    launch("validate", arguments, server="none", say=lines.append)
    assert sum("bundled sample ends on 2025-06-24 at 10:32Z" in line for line in lines) == 2
    assert "1 symbols passed: BTCUSDT" in lines[-1]
    assert SAMPLE.is_dir()
