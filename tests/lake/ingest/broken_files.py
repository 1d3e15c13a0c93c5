"""Files that nobody can use, each broken in another way, with the words that say how."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl

from tests.lake.ingest.test_formats import frame, klines


def _month(number: int) -> str:
    return f"BTCUSDT-1m-2021-{number:02}"


def _zipped(*parts: tuple[str, str], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", how) as archive:
        for inside, text in parts:
            archive.writestr(inside, text)
    return data.getvalue()


def _changed(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + bytes([value]) + data[place + 1 :]


def _with_password(name: str) -> bytes:
    """Set the bit of a password in both headers of a ZIP."""
    data = _zipped((name, klines()), how=zipfile.ZIP_STORED)
    return _changed(_changed(data, 6, 1), data.index(b"PK\x01\x02") + 8, 1)


def _hurt(name: str, how: int) -> bytes:
    """Change a byte in the middle of the only member of a ZIP."""
    data = _zipped((name, klines()), how=how)
    middle = data.index(b"PK\x01\x02") // 2
    return _changed(data, middle, data[middle] ^ 0xFF)


def _parquet() -> bytes:
    data = io.BytesIO()
    frame().write_parquet(data)
    return data.getvalue()


def _feather() -> bytes:
    data = io.BytesIO()
    frame().with_columns(pl.col("open_time").cast(pl.Int64)).write_ipc(data)
    return data.getvalue()


_TEXT = frame().write_csv()
BROKEN: dict[str, tuple[bytes, str]] = {
    f"{_month(1)}.zip": (b"", "the ZIP is damaged"),
    f"{_month(2)}.zip": (b"PK half an archive", "the ZIP is damaged"),
    f"{_month(3)}.zip": (_zipped((f"{_month(3)}.csv", klines()))[:-60], "the ZIP is damaged"),
    f"{_month(4)}.zip": (b"<html><body>404 Not Found</body></html>", "the ZIP is damaged"),
    f"{_month(5)}.zip": (_zipped(("ETHUSDT-1m-2021-05.csv", klines())), "the data of ETHUSDT-1m"),
    f"{_month(6)}.zip": (_zipped((f"{_month(6)}.csv", "")), "the CSV is empty"),
    f"{_month(7)}.zip": (_zipped(("README.txt", "nothing")), "it holds 0 CSV files"),
    f"{_month(8)}.zip": (_zipped(("a.csv", "1"), ("b.csv", "2")), "it holds 2 CSV files"),
    f"{_month(9)}.zip": (_with_password(f"{_month(9)}.csv"), "the ZIP cannot be unpacked"),
    f"{_month(10)}.zip": (_hurt(f"{_month(10)}.csv", zipfile.ZIP_STORED), "the ZIP is damaged"),
    f"{_month(11)}.zip": (_hurt(f"{_month(11)}.csv", zipfile.ZIP_BZIP2), "the ZIP is damaged"),
    f"{_month(12)}.zip": (_hurt(f"{_month(12)}.csv", zipfile.ZIP_LZMA), "the ZIP is damaged"),
    "BTCUSDT-1m-2020-01.zip": (
        _zipped(("BTCUSDT-1m-2020-01.csv", klines())),
        "it holds a candle of 2025-01-01 00:00, outside 2020-01",
    ),
    "BTCUSDT-1m-2020-02.ZIP": (b"not even a ZIP", "the ZIP is damaged"),
    "BTCUSDT-trades-2020-03.zip": (b"", "its name is not SYMBOL-INTERVAL-YYYY-MM.zip"),
    "BTCUSDT-1m-2020-04 (1).zip": (b"", "its name is not SYMBOL-INTERVAL-YYYY-MM.zip"),
    "btcusdt-1m-2020-05.zip": (b"", "'btcusdt' is not a symbol"),
    "parquet/BTCUSDT.parquet": (_parquet()[:-40], "it cannot be read as Parquet"),
    "feather/BTCUSDT.feather": (_feather()[: len(_feather()) // 2], "cannot be read as feather"),
    "csv/BTCUSDT.csv": (_TEXT[: len(_TEXT) // 2].rsplit(",", 2)[0].encode(), "the CSV is torn"),
    "html/BTCUSDT.csv": (b"<!doctype html>\n<html><body>\n", "it has no column 'open_time'"),
    "json/BTCUSDT.json": (b'[[1735689600000, "1", ', "it cannot be read as JSON"),
    "gz/BTCUSDT.csv.gz": (b"\x1f\x8b\x08 half", "it cannot be read as CSV"),
    "mostly/BTCUSDT.csv": (
        frame().rename({"high": "low", "low": "high"}).write_csv().encode(),
        "row 0: high",
    ),
}
"""Content and words by the name of the file below the folder."""
LINK = "BTCUSDT-1m-2020-06.zip"
"""A link to a file that does not exist."""


def write_broken(folder: Path) -> dict[str, str]:
    """Write every file below ``folder``; return the words of each by its name."""
    for name, (data, _) in BROKEN.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / LINK).symlink_to(folder / "nowhere.zip")
    words = {name: text for name, (_, text) in BROKEN.items()}
    return {**words, LINK: "it is a link to a file that does not exist"}
