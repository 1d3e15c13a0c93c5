from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.ingest.importer import import_folder
from lake.ingest.reports import FileReport, ImportReport
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_FUNDING, RAW_INSTRUMENTS
from tests.lake.builders import (
    HEADER,
    MAY_31_2358,
    archive_csv,
    archive_file,
    candle_file,
    write_checksum,
)
from trading.candles import MINUTE_MS
from trading.errors import DataError

SAMPLE = Path(__file__).parents[3] / "data_lake" / "sample"
JUNE = datetime(2025, 6, 20, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


def only(report: ImportReport) -> FileReport:
    assert len(report.files) == 1
    return report.files[0]


def closes(lake: Lake, symbol: str = "FILUSDT") -> list[float]:
    return lake.read(RAW_CANDLES, ["close"], symbol=symbol)["close"].to_pylist()


@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
@pytest.mark.parametrize("unit", [1, 1000], ids=["ms", "us"])
def test_an_archive_is_read_with_or_without_header_in_ms_or_us(
    lake: Lake, folder: Path, header: bool, unit: int
) -> None:
    archive_file(folder, archive_csv(MAY_31_2358, [4.0, 5.0], unit, header))
    report = import_folder(lake, folder, JUNE)
    assert (only(report).status, report.rows, report.partitions_written) == ("imported", 2, 1)
    row = lake.read(RAW_CANDLES).to_pylist()[0]
    assert row["open_time"] == datetime(2025, 5, 31, 23, 58, tzinfo=UTC)
    assert (row["quote_volume"], row["trades"]) == (40.0, 7)
    assert (row["taker_buy_base"], row["taker_buy_quote"]) == (4.0, 16.0)
    assert (row["venue"], row["symbol"], row["interval"]) == ("binance_usdm", "FILUSDT", "1m")


def test_the_venue_comes_from_the_archives_folders(lake: Lake, folder: Path) -> None:
    archive_file(folder, archive_csv(MAY_31_2358, [4.0]), venue="spot")
    assert only(import_folder(lake, folder, JUNE)).venue == "binance_spot"


def test_columns_that_a_source_lacks_are_null(lake: Lake, folder: Path) -> None:
    candle_file(folder / "candles_1m" / "usdm" / "BTCUSDT.parquet", MAY_31_2358, [9.0, 9.5, 9.7])
    import_folder(lake, folder, JUNE)
    data = lake.read(RAW_CANDLES)
    assert sorted(set(data["month"].to_pylist())) == ["2025-05", "2025-06"]
    for name in ("quote_volume", "trades", "taker_buy_base", "taker_buy_quote"):
        assert data[name].null_count == 3


def test_the_interval_of_an_unnamed_folder_comes_from_the_rows(lake: Lake, folder: Path) -> None:
    candle_file(folder / "BTCUSDT.parquet", MAY_31_2358, [9.0, 9.5, 9.7])
    report = import_folder(lake, folder, JUNE, venue="upbit")
    assert only(report).venue == "upbit"
    assert {p.values["interval"] for p in lake.partitions(RAW_CANDLES)} == {"1m"}


def test_an_open_candle_is_not_imported_until_a_later_run(lake: Lake, folder: Path) -> None:
    candle_file(folder / "candles_1m" / "BTCUSDT.parquet", MAY_31_2358, [1.0, 2.0, 3.0])
    early = import_folder(lake, folder, datetime(2025, 5, 31, 23, 59, 59, tzinfo=UTC))
    assert (early.rows, closes(lake, "BTCUSDT")) == (1, [1.0])
    import_folder(lake, folder, datetime(2025, 6, 1, tzinfo=UTC))
    assert closes(lake, "BTCUSDT") == [1.0, 2.0]
    import_folder(lake, folder, JUNE)
    assert closes(lake, "BTCUSDT") == [1.0, 2.0, 3.0]
    # A run for an earlier time removes nothing; readers apply as_of themselves.
    back = import_folder(lake, folder, datetime(2025, 6, 1, tzinfo=UTC))
    assert back.partitions_written == 0
    assert closes(lake, "BTCUSDT") == [1.0, 2.0, 3.0]


def test_a_file_from_the_future_is_reported_and_not_imported(lake: Lake, folder: Path) -> None:
    archive_file(folder, archive_csv(MAY_31_2358, [4.0]))
    file = only(import_folder(lake, folder, datetime(2025, 5, 1, tzinfo=UTC)))
    assert (file.status, file.rows) == ("ahead", 0)
    assert lake.partitions(RAW_CANDLES) == ()


def test_a_second_run_writes_nothing_even_if_the_file_was_touched(lake: Lake, folder: Path) -> None:
    path = archive_file(folder, archive_csv(MAY_31_2358, [4.0, 5.0]))
    import_folder(lake, folder, JUNE)
    (partition,) = lake.partitions(RAW_CANDLES)
    before = partition.path.stat().st_mtime_ns
    os.utime(path, ns=(1, 1))
    report = import_folder(lake, folder, JUNE)
    assert (only(report).status, report.partitions_written) == ("unchanged", 0)
    assert partition.path.stat().st_mtime_ns == before


def test_a_changed_source_replaces_its_rows_and_changes_the_fingerprint(
    lake: Lake, folder: Path
) -> None:
    archive_file(folder, archive_csv(MAY_31_2358, [4.0, 5.0]))
    import_folder(lake, folder, JUNE)
    (before,) = lake.fingerprint(RAW_CANDLES, JUNE)
    archive_file(folder, archive_csv(MAY_31_2358, [4.0, 5.5]))
    assert only(import_folder(lake, folder, JUNE)).status == "imported"
    assert closes(lake) == [4.0, 5.5]
    (after,) = lake.fingerprint(RAW_CANDLES, JUNE)
    assert after.sha256 != before.sha256


def test_a_deleted_partition_is_imported_again(lake: Lake, folder: Path) -> None:
    archive_file(folder, archive_csv(MAY_31_2358, [4.0]))
    import_folder(lake, folder, JUNE)
    (before,) = lake.fingerprint(RAW_CANDLES, JUNE)
    shutil.rmtree(lake.root / "raw")
    import_folder(lake, folder, JUNE)
    assert lake.fingerprint(RAW_CANDLES, JUNE) == (before,)


def test_plain_candles_fill_gaps_but_never_replace_archive_rows(lake: Lake, folder: Path) -> None:
    archive_file(folder, archive_csv(MAY_31_2358, [4.0]), symbol="BTCUSDT")
    candle_file(folder / "candles_1m" / "usdm" / "BTCUSDT.parquet", MAY_31_2358, [4.0, 5.0])
    import_folder(lake, folder, JUNE)
    data = lake.read(RAW_CANDLES).to_pydict()
    assert (data["close"], data["quote_volume"]) == ([4.0, 5.0], [40.0, None])
    # The same if they come later, alone.
    other = folder.with_name("other")
    candle_file(other / "candles_1m" / "usdm" / "BTCUSDT.parquet", MAY_31_2358, [4.5, 5.5])
    import_folder(lake, other, JUNE)
    data = lake.read(RAW_CANDLES).to_pydict()
    assert (data["close"], data["quote_volume"]) == ([4.0, 5.5], [40.0, None])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(bytes(data))


def test_a_zip_with_a_wrong_checksum_is_reported_and_the_others_are_imported(
    lake: Lake, folder: Path
) -> None:
    flip(archive_file(folder, archive_csv(MAY_31_2358, [4.0]), symbol="ADAUSDT"))
    archive_file(folder, archive_csv(MAY_31_2358, [5.0]))
    report = import_folder(lake, folder, JUNE)
    (bad,) = report.failed
    assert (bad.symbol, report.rows) == ("ADAUSDT", 1)
    assert "its CHECKSUM says" in bad.reason
    assert report.symbols == (("binance_usdm", "FILUSDT"),)
    assert closes(lake) == [5.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            archive_csv(MAY_31_2358, [4.0, 5.0])[:-30],
            "the CSV is torn: its last line has",
        ),
        ("", "the CSV is empty"),
        ("<html>not found</html>", "it has no column 'open_time'; give Binance's twelve columns"),
        (archive_csv(MAY_31_2358, [4.0, 5.0, 6.0]), "outside 2025-05"),
        (
            HEADER
            + archive_csv(MAY_31_2358, [4.0], header=False)
            + archive_csv(MAY_31_2358, [4.5], header=False),
            "two different candles for one minute: 2025-05-31 23:58",
        ),
        (
            archive_csv(MAY_31_2358, [4.0]).replace(",7,", ",x,"),
            "a value is no number: 2025-05-31 23:58",
        ),
    ],
    ids=["torn", "empty", "web page", "other month", "contradiction", "not a number"],
)
def test_a_bad_csv_is_reported_with_its_reason(
    lake: Lake, folder: Path, text: str, words: str
) -> None:
    archive_file(folder, text)
    file = only(import_folder(lake, folder, JUNE))
    assert file.status == "failed"
    assert words in file.reason
    assert "\n" not in file.reason
    assert lake.partitions(RAW_CANDLES) == ()


def test_a_damaged_zip_is_reported(lake: Lake, folder: Path) -> None:
    path = archive_file(folder, archive_csv(MAY_31_2358, [4.0]))
    path.write_bytes(path.read_bytes()[:-40])
    write_checksum(path)
    file = only(import_folder(lake, folder, JUNE))
    assert (file.status, file.reason[:18]) == ("failed", "the ZIP is damaged")


def test_a_zip_without_checksum_is_imported_with_a_remark(lake: Lake, folder: Path) -> None:
    path = archive_file(folder, archive_csv(MAY_31_2358, [4.0]))
    path.with_name(path.name + ".CHECKSUM").unlink()
    file = only(import_folder(lake, folder, JUNE))
    assert (file.status, file.reason) == (
        "imported",
        "not verified: there is no CHECKSUM file beside it",
    )


def test_a_repeated_row_is_kept_once(lake: Lake, folder: Path) -> None:
    row = archive_csv(MAY_31_2358, [4.0], header=False)
    archive_file(folder, row + row)
    import_folder(lake, folder, JUNE)
    assert closes(lake) == [4.0]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"time": [1]}), "it has no column 'open"),
        (pa.table({"open_time": [MAY_31_2358]}), "it has no column 'open"),
        (
            pa.table({n: ["x"] for n in ("open_time", "open", "high", "low", "close", "volume")}),
            "column 'open_time' holds 'x', which is no time",
        ),
    ],
)
def test_a_parquet_file_of_another_kind_is_reported(
    lake: Lake, folder: Path, table: pa.Table, words: str
) -> None:
    (folder / "candles_1m").mkdir()
    pq.write_table(table, folder / "candles_1m" / "BTCUSDT.parquet")
    file = only(import_folder(lake, folder, JUNE))
    assert file.status == "failed"
    assert words in file.reason


def test_a_damaged_parquet_file_is_reported(lake: Lake, folder: Path) -> None:
    path = candle_file(folder / "BTCUSDT.parquet", MAY_31_2358, [1.0, 2.0])
    path.write_bytes(path.read_bytes()[:-10])
    file = only(import_folder(lake, folder, JUNE))
    assert "it cannot be read as Parquet" in file.reason


def test_a_missing_or_empty_folder_fails_with_one_sentence(lake: Lake, folder: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        import_folder(lake, folder / "nowhere", JUNE)
    with pytest.raises(DataError, match="holds no archive ZIP"):
        import_folder(lake, folder, JUNE)


def test_funding_keeps_its_jitter_and_an_event_is_kept_once(lake: Lake, folder: Path) -> None:
    def write(times: list[int], rates: list[float]) -> None:
        table = pa.table(
            {"funding_time": pa.array(times, pa.timestamp("ms", tz="UTC")), "funding_rate": rates}
        )
        (folder / "funding").mkdir(exist_ok=True)
        pq.write_table(table, folder / "funding" / "BTCUSDT.parquet")

    write([MAY_31_2358 + 3], [0.1])
    import_folder(lake, folder, JUNE)
    write([MAY_31_2358 - 2, MAY_31_2358 + 480 * MINUTE_MS], [0.1, 0.2])
    import_folder(lake, folder, JUNE)
    data = lake.read(RAW_FUNDING)
    assert data["funding_time"].cast(pa.int64()).to_pylist() == [
        MAY_31_2358 - 2,
        MAY_31_2358 + 480 * MINUTE_MS,
    ]
    assert data["mark_price"].null_count == 2


def test_instruments_keep_decimal_text(lake: Lake) -> None:
    import_folder(lake, SAMPLE, JUNE, symbols=["NONE"])
    rows = {row["symbol"]: row for row in lake.read(RAW_INSTRUMENTS).to_pylist()}
    assert sorted(rows) == ["BTCUSDT", "ETHUSDT", "FILUSDT"]
    btc = rows["BTCUSDT"]
    assert (btc["tick_size"], btc["step_size"], btc["min_notional"]) == ("0.01", "0.001", "5")
    assert (btc["maker_fee"], btc["taker_fee"]) == ("0.0002", "0.0005")
    first = json.loads(btc["margin_brackets"])[0]
    assert (first["initialLeverage"], first["notionalCap"]) == (125, 50_000)


def test_the_readme_of_the_sample_has_the_hash_of_every_file() -> None:
    text = (SAMPLE / "README.md").read_text()
    files = [path for path in SAMPLE.rglob("*") if path.is_file() and path.name != "README.md"]
    assert len(files) == 12
    for path in files:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"| `{path.relative_to(SAMPLE)}` | {path.stat().st_size} | `{digest}` |" in text


def test_the_bundled_sample_imports_completely_and_a_second_run_does_nothing(lake: Lake) -> None:
    heard: list[tuple[int, int, str]] = []
    report = import_folder(
        lake, SAMPLE, JUNE, progress=lambda done, total, name: heard.append((done, total, name))
    )
    assert report.failed == ()
    rows = {p.values["symbol"]: 0 for p in lake.partitions(RAW_CANDLES)}
    for partition in lake.partitions(RAW_CANDLES):
        rows[partition.values["symbol"]] += lake.read_partition(partition).num_rows
    # From 2025-05-04 15:33 until the last minute before as_of; 31 + 30 days of the archive.
    assert rows == {"BTCUSDT": 66_747, "ETHUSDT": 66_747, "FILUSDT": 61 * 1440}
    assert heard[-1][0] == heard[-1][1] == report.partitions_written == 12
    again = import_folder(lake, SAMPLE, JUNE)
    assert (again.partitions_written, again.rows) == (0, 0)
    assert {file.status for file in again.files} == {"unchanged"}


def test_a_newer_snapshot_of_instruments_keeps_the_older_one(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    snapshot = json.loads((SAMPLE / "instruments.json").read_text())

    def take(day: int, tick: str) -> None:
        snapshot["time"] = f"2025-05-{day:02}T00:00:00Z"
        for filters in snapshot["symbols"][0]["filters"]:
            if filters["filterType"] == "PRICE_FILTER":
                filters["tickSize"] = tick
        (folder / "instruments.json").write_text(json.dumps(snapshot))
        assert import_folder(lake, folder, JUNE).failed == ()

    symbol = snapshot["symbols"][0]["symbol"]
    for day, tick in ((5, "0.10"), (6, "0.10"), (7, "0.10"), (8, "0.01"), (8, "0.02"), (2, "1")):
        take(day, tick)
    rows = [row for row in lake.read(RAW_INSTRUMENTS).to_pylist() if row["symbol"] == symbol]
    # Of equal snapshots in a row the first and the last stay; a time has one snapshot, the latest.
    assert [(row["time"].day, row["tick_size"]) for row in rows] == [
        (2, "1"),
        (5, "0.10"),
        (7, "0.10"),
        (8, "0.02"),
    ]
