"""Files of candles as Polars sees them: CSV, feather, Parquet and JSON, not yet read."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import polars as pl

from lake.ingest.formats.columns import (
    BINANCE_ORDER,
    CANDLES,
    KNOWN_FORMATS,
    KNOWN_NAMES,
    NUMBERS,
    plain,
)
from lake.ingest.formats.zip_files import only_csv
from trading.errors import DataError

_MARKS = {b"PAR1": ".parquet", b"ARROW1": ".feather", b"PK\x03\x04": ".zip", b"\x1f\x8b": ".csv.gz"}
"""What the first bytes of a file say of it, whatever it is called."""
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
SUFFIXES = (".csv", ".csv.gz", ".feather", ".parquet", ".json", ".json.gz", ".jsonl")
_SEPARATORS = (",", ";", "\t", "|")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
# MetaTrader's export without a header.
_METATRADER_ORDER = ("date", "time", *CANDLES[1:])
# Lines above the header: the address of the site, or a remark.
_REMARKS = ("http://", "https://", "#")
_FEWEST_NAMES = 3
"""Columns that a header names; a remark does not."""


def format_of(path: Path) -> str:
    """Return the ending by which a file is read, such as ``.csv.gz``; empty if it is none."""
    name = path.name.lower()
    return next((end for end in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(end)), "")


def scan(path: Path | bytes, *, numbers: bool = True) -> pl.LazyFrame:
    """Return the columns as they are in the file, or in the text of a CSV."""
    if isinstance(path, bytes):
        return _scan_csv(path, numbers=numbers)
    kind = _kind_of(path)
    try:
        if kind == ".parquet":
            return _opened(pl.scan_parquet(path, glob=False, hive_partitioning=False))
        if kind == ".feather":
            return _opened(pl.scan_ipc(path, glob=False, hive_partitioning=False))
        if kind.endswith(".gz"):
            data = gzip.decompress(path.read_bytes())
            return _scan_csv(data, numbers=numbers) if kind == ".csv.gz" else _scan_json(data)
        if kind == ".json":
            return _scan_json(path.read_bytes())
        if kind == ".jsonl":
            lines = path.read_bytes().splitlines()
            return _scan_json(b"[" + b",".join(line for line in lines if line.strip()) + b"]")
        if kind == ".zip":
            return _scan_csv(only_csv(path.read_bytes()), numbers=numbers)
        if kind == ".csv":
            return _scan_csv(path, numbers=numbers)
    except (pl.exceptions.PolarsError, OSError, EOFError, ValueError, zlib.error) as error:
        name = {".parquet": "Parquet", ".feather": "feather"}.get(kind, kind.split(".")[1].upper())
        raise DataError(f"it cannot be read as {name}: {first_line(error)}") from error
    if path.suffix.lower() in _SPREADSHEETS:
        raise DataError("it is a spreadsheet; save its sheet as .csv")
    known = ", ".join((*SUFFIXES, ".zip"))
    raise DataError(f"'{path.suffix}' is not a format of candles; the known ones are {known}")


def _kind_of(path: Path) -> str:
    """Return the ending by which a file is read: that of its content, or else that of its name.

    A text with an unknown ending is read as a CSV; empty for what is none of them.
    """
    named, head = format_of(path), _head(path)
    if path.suffix.lower() in _SPREADSHEETS:
        return ""
    found = next((kind for mark, kind in _MARKS.items() if head.startswith(mark)), "")
    if found and not (found == ".csv.gz" and named.endswith(".gz")):
        return found
    if named or not head.strip():
        return named
    return ".csv" if _is_utf8(head) and b"\0" not in head else ""


def _opened(lazy: pl.LazyFrame) -> pl.LazyFrame:
    lazy.collect_schema()  # reads the footer: what is no such file fails here
    return lazy


def _scan_csv(source: Path | bytes, *, numbers: bool = True) -> pl.LazyFrame:
    head = source[: 1 << 16] if isinstance(source, bytes) else _head(source)
    if not head.strip():
        raise DataError("the CSV is empty")
    if not _is_utf8(head):
        source = _as_utf8(source if isinstance(source, bytes) else source.read_bytes())
        head = source[: 1 << 16]
    lines = head.decode("utf-8", "ignore").removeprefix("\ufeff").lstrip().split("\n", 9)
    remarks = 0
    while remarks < len(lines) - 1 and _is_remark(lines[remarks]):
        remarks += 1
    first = lines[remarks]
    separator = max(_SEPARATORS, key=first.count)
    names = [name.strip().strip('"') for name in first.rstrip("\r\n ").split(separator)]
    header = not _is_number(names[1] if len(names) > 1 else names[0])
    if _CLOCK.fullmatch(names[1] if len(names) > 1 else "") and len(names) >= 7:
        names, header = list(_METATRADER_ORDER) + [f"x{n}" for n in range(7, len(names))], False
    elif not header:
        if len(names) < len(CANDLES) or len(names) > len(BINANCE_ORDER):
            raise DataError(f"the CSV has no header and {len(names)} columns; give {KNOWN_FORMATS}")
        names = list(BINANCE_ORDER[: len(names)])
    names = _distinct(names)
    _refuse_torn(source, separator, len(names))
    above = remarks + int(header)
    sample = lines[min(above, len(lines) - 1)].strip().split(separator)
    return pl.scan_csv(
        source,
        has_header=False,  # the names are ours: Polars would rename repeated ones
        skip_lines=above,
        separator=separator,
        schema=_kinds(names, sample) if numbers else dict.fromkeys(names, pl.String()),
        truncate_ragged_lines=True,
        glob=False,
    )


def _kinds(names: Sequence[str], sample: Sequence[str]) -> dict[str, pl.DataType]:
    """Return numbers where numbers are expected; a file with something else is read as texts.

    A time is a number where that of the first row, ``sample``, has more digits than a date.
    """
    kinds: dict[str, pl.DataType] = {}
    for name, value in zip_longest(names, sample[: len(names)], fillvalue=""):
        whole = value.isascii() and value.isdigit() and len(value) > len("20240131")
        if plain(name) in NUMBERS:
            kinds[name] = pl.Float64()
        else:
            kinds[name] = pl.Int64() if whole and plain(name) in KNOWN_NAMES else pl.String()
    return kinds


def _refuse_torn(source: Path | bytes, separator: str, columns: int) -> None:
    """Refuse a CSV that ends within a line: its last number may have lost digits."""
    tail = source[-(1 << 12) :] if isinstance(source, bytes) else _tail(source)
    last = tail.rsplit(b"\n", 1)[-1]
    if last.strip() and b"\n" in tail and last.count(separator.encode()) + 1 < columns:
        raise DataError(
            f"the CSV is torn: its last line has {last.count(separator.encode()) + 1} of {columns} "
            "fields; get it again"
        )


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - (1 << 12)))
        return file.read()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 16)


def _is_remark(line: str) -> bool:
    """Whether a line is above the header; a header may begin with #, too."""
    names = {plain(name) for name in re.split(r"[,;\t|]", line)}
    return line.startswith(_REMARKS) and len(names & KNOWN_NAMES) < _FEWEST_NAMES


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a letter that the end of the block cuts
    return True


def _scan_json(data: bytes) -> pl.LazyFrame:
    """Read a list of rows (freqtrade, Binance's klines) or of objects, or an object of lists."""
    import orjson

    rows = orjson.loads(data)
    if isinstance(rows, dict):
        lists = {name: values for name, values in rows.items() if isinstance(values, list)}
        if lists and len({len(values) for values in lists.values()}) == 1:
            return pl.LazyFrame(
                {name: pl.Series(name, values, strict=False) for name, values in lists.items()}
            )
    if not isinstance(rows, list) or not rows:
        raise DataError("the JSON is not a list of candles, or the list is empty")
    if all(isinstance(row, dict) for row in rows):
        return pl.LazyFrame(rows, infer_schema_length=None)
    width = len(rows[0]) if isinstance(rows[0], list) else 0
    if not len(CANDLES) <= width <= len(BINANCE_ORDER) or any(
        not isinstance(row, list) or len(row) != width for row in rows
    ):
        raise DataError(f"the JSON holds no rows of candles; give {KNOWN_FORMATS}")
    columns = zip(BINANCE_ORDER, zip(*rows, strict=True), strict=False)
    return pl.LazyFrame({name: pl.Series(name, values, strict=False) for name, values in columns})


def _as_utf8(data: bytes) -> bytes:
    """Return a text in UTF-16 or in the Korean encoding of Windows as UTF-8."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "cp949").encode()
    except UnicodeDecodeError as error:
        raise DataError("the CSV is no text in UTF-8; save it in UTF-8") from error


def _distinct(names: Sequence[str]) -> list[str]:
    """Number the repeated names, as several plots of TradingView; our own may not repeat."""
    result: list[str] = []
    for name in names:
        if name in result and plain(name) in KNOWN_NAMES:
            raise DataError(f"it has more than one column '{name}'; remove one of them")
        result.append(name if name not in result else f"{name} ({len(result)})")
    return result


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
