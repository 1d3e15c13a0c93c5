"""A file must be what its name says, and a damaged one is named; the others are imported."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lake.ingest.importer import import_folder
from lake.ingest.reports import ImportReport
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_INSTRUMENTS
from tests.flows.sample import SAMPLE
from tests.lake.ingest.broken_files import write_broken
from tests.lake.ingest.test_formats import HEADER, klines

NOW = datetime(2025, 2, 1, tzinfo=UTC)
GOOD = "ETHUSDT-1m-2025-01"
NAME = "BTCUSDT-1m-2025-01"


def zipped(inside: str, text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, text)
    return data.getvalue()


def put(folder: Path, name: str, data: bytes, checksum: str = "") -> None:
    path = folder / "futures" / "um" / "monthly" / "klines" / f"{name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    digest = checksum or hashlib.sha256(data).hexdigest()
    path.with_name(f"{name}.zip.CHECKSUM").write_text(f"{digest}  {name}.zip\n")


def imported(folder: Path, lake: Lake) -> tuple[ImportReport, str]:
    """Import beside a good file; return the report and the reason of the one that failed."""
    put(folder, GOOD, zipped(f"{GOOD}.csv", klines()))
    report = import_folder(lake, folder, NOW)
    assert [part.values["symbol"] for part in lake.partitions(RAW_CANDLES)] == ["ETHUSDT"]
    (failed,) = report.failed
    assert "\n" not in failed.reason
    assert failed.path.endswith(f"{NAME}.zip")
    return report, failed.reason


OTHERS = [
    *("ETHUSDT-1m-2025-01", "BTCUSDC-1m-2025-01", "BTCUSD_PERP-1m-2025-01"),
    *("BTCUSDT_250627-1m-2025-01", "btcusdt-1m-2025-01", "币安人生USDT-1m-2025-01"),
    *("BTCUSDT-1m-2025-02", "BTCUSDT-1m-2024-01", "BTCUSDT-1m-2025-01-01", "BTCUSDT-1m-2025-1"),
    *("BTCUSDT-3m-2025-01", "BTCUSDT-5m-2025-01", "BTCUSDT-15m-2025-01", "BTCUSDT-1h-2025-01"),
    *("BTCUSDT-1d-2025-01", "BTCUSDT-1s-2025-01", "BTCUSDT-aggTrades-2025-01"),
    *("BTCUSDT-trades-2025-01", "BTCUSDT-fundingRate-2025-01", "BTCUSDT-1m-2025-01 (1)"),
]


@pytest.mark.parametrize("inside", OTHERS)
def test_the_data_of_another_file_is_refused_and_both_are_named(
    tmp_path: Path, inside: str
) -> None:
    put(tmp_path / "source", NAME, zipped(f"{inside}.csv", HEADER + klines()))
    _, reason = imported(tmp_path / "source", Lake(tmp_path / "lake"))
    assert reason == f"it holds the data of {inside}, its name says {NAME}; download it again"


@pytest.mark.parametrize("share", [n / 21 for n in range(1, 21)])
def test_a_truncated_zip_is_refused_whatever_its_checksum_says(
    tmp_path: Path, share: float
) -> None:
    whole = zipped(f"{NAME}.csv", klines())
    torn = whole[: round(len(whole) * share)]
    put(tmp_path / "source", NAME, torn)
    _, reason = imported(tmp_path / "source", Lake(tmp_path / "lake"))
    assert reason.startswith("the ZIP is damaged")
    put(tmp_path / "source", NAME, torn, hashlib.sha256(whole).hexdigest())
    again = import_folder(Lake(tmp_path / "lake"), tmp_path / "source", NOW)
    assert "its CHECKSUM says" in again.failed[0].reason


@pytest.mark.parametrize("place", range(20))
def test_one_wrong_byte_is_found_by_the_checksum(tmp_path: Path, place: int) -> None:
    whole = zipped(f"{NAME}.csv", klines())
    changed = bytearray(whole)
    changed[len(whole) * place // 20] ^= 1 + place
    put(tmp_path / "source", NAME, bytes(changed), hashlib.sha256(whole).hexdigest())
    _, reason = imported(tmp_path / "source", Lake(tmp_path / "lake"))
    assert "its CHECKSUM says" in reason


@pytest.mark.parametrize(
    "checksum",
    ["", "none", "0" * 64, "<html>", "e3b0c442", "sha256:", "0" * 63, "g" * 64, "-", "𝟘" * 64],
)
@pytest.mark.parametrize("ending", ["\n", f"  {NAME}.zip\n"])
def test_a_checksum_that_is_none_is_no_licence(tmp_path: Path, checksum: str, ending: str) -> None:
    folder = tmp_path / "source"
    put(folder, NAME, zipped(f"{NAME}.csv", klines()))
    (path,) = folder.rglob(f"{NAME}.zip.CHECKSUM")
    path.write_text(checksum + ending, encoding="utf-8")
    _, reason = imported(folder, Lake(tmp_path / "lake"))
    assert "its CHECKSUM says" in reason


def test_every_broken_file_is_named_and_the_good_one_is_imported(tmp_path: Path) -> None:
    words = write_broken(tmp_path / "source")
    put(tmp_path / "source", GOOD, zipped(f"{GOOD}.csv", klines()))
    lake = Lake(tmp_path / "lake")
    for _ in range(2):
        report = import_folder(lake, tmp_path / "source", NOW)
        failed = {file.path: file.reason for file in report.failed}
        assert failed.keys() == words.keys()
        for name, text in words.items():
            assert text in failed[name], name
            assert "\n" not in failed[name]
        assert [part.values["symbol"] for part in lake.partitions(RAW_CANDLES)] == ["ETHUSDT"]


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": None},
        {"symbols": [{}]},
        {"symbols": [{"symbol": "A", "filters": []}]},
        {"symbols": "BTCUSDT"},
        {"venue": "moon"},
        {"venue": None},
        {"time": "noon"},
        {"time": None},
        {"leverageBrackets": [{}]},
        {"leverageBrackets": {"a": 1}},
        {"commissionRates": [1]},
        {"commissionRates": [{"symbol": 1}]},
    ],
    ids=str,
)
def test_instruments_of_another_kind_are_named_and_the_candles_imported(
    tmp_path: Path, change: dict[str, object]
) -> None:
    folder = tmp_path / "source"
    put(folder, GOOD, zipped(f"{GOOD}.csv", klines()))
    snapshot = json.loads((SAMPLE / "instruments.json").read_text())
    (folder / "instruments.json").write_text(json.dumps({**snapshot, **change}))
    report = import_folder(Lake(tmp_path / "lake"), folder, NOW)
    assert {file.path: file.status for file in report.files if "instr" not in file.path} == {
        f"futures/um/monthly/klines/{GOOD}.zip": "imported"
    }
    if change != {"commissionRates": [{"symbol": 1}]}:
        (failed,) = report.failed
        assert failed.path == "instruments.json"
        assert "\n" not in failed.reason


def test_fees_and_sizes_written_as_numbers_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    snapshot = json.loads((SAMPLE / "instruments.json").read_text())
    snapshot["commissionRates"] = [
        {"symbol": "BTCUSDT", "makerCommissionRate": 0.0002, "takerCommissionRate": 0}
    ]
    snapshot["time"] = "2025-01-01T00:00:00Z"
    (folder / "instruments.json").write_text(json.dumps(snapshot))
    lake = Lake(tmp_path / "lake")
    assert import_folder(lake, folder, NOW).failed == ()
    rows = {row["symbol"]: row for row in lake.read(RAW_INSTRUMENTS).to_pylist()}
    assert (rows["BTCUSDT"]["maker_fee"], rows["BTCUSDT"]["taker_fee"]) == ("0.0002", "0")


@pytest.mark.parametrize("minutes", [1, 59, 60, 360, 719, 1440])
@pytest.mark.parametrize("before", [True, False])
def test_a_candle_outside_the_files_month_is_refused(
    tmp_path: Path, minutes: int, before: bool
) -> None:
    lines = klines().splitlines()
    shift = -minutes * 60_000 if before else (31 * 1440 - 240 + minutes) * 60_000
    moved = [f"{int(line.split(',')[0]) + shift},{line.split(',', 1)[1]}" for line in lines]
    put(tmp_path / "source", NAME, zipped(f"{NAME}.csv", "\n".join(moved) + "\n"))
    _, reason = imported(tmp_path / "source", Lake(tmp_path / "lake"))
    assert reason.startswith("it holds a candle of ")
    assert reason.endswith("outside 2025-01")
