"""Files of the exchanges as Arrow tables: archive ZIPs, funding rates, instruments.

Nothing is invented: what a source lacks is null. An unreadable file raises `DataError` with the
reason; the importer reports it and goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from isal import isal_zlib
from isal.igzip_lib import IsalError

from lake.content import milliseconds
from lake.contract import TIME
from lake.ingest.candle_files import read_candle_csv
from lake.ingest.formats import frames
from lake.partitions import parse_iso
from lake.tables import RAW_FUNDING, RAW_INSTRUMENTS, VENUES
from trading.errors import DataError

# What readers of a damaged ZIP raise: a place before its beginning is a ValueError.
_DAMAGES: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    IsalError,  # type: ignore[assignment]  # its stubs call the class an instance
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
)
_ENCRYPTED = 0x1
# Lengths of the name and of the extra field in the header before a file (PKWARE APPNOTE 4.3.7).
_LENGTHS, _LENGTHS_AT = struct.Struct("<HH"), 26


@dataclass(frozen=True)
class Verified:
    """An archive's bytes and SHA-256; ``note`` says if there was no CHECKSUM to compare with."""

    data: bytes
    sha256: str
    note: str


def verify_archive(path: Path) -> Verified:
    """Read a ZIP and compare it with the ``.CHECKSUM`` beside it; `DataError` if they differ."""
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    checksum = path.with_name(path.name + ".CHECKSUM")
    if not checksum.is_file():
        return Verified(data, sha256, "not verified: there is no CHECKSUM file beside it")
    words = checksum.read_text(encoding="utf-8", errors="replace").split()
    if not words or words[0].lower() != sha256:
        want = words[0][:12] if words else "nothing"
        raise DataError(
            f"it hashes to {sha256[:12]}…, its CHECKSUM says {want}…; download it again"
        )
    return Verified(data, sha256, "")


def read_archive(data: bytes, stem: str = "") -> pa.Table:
    """Candles of an archive ZIP: one CSV of twelve columns, header or none, times in ms or µs.

    With ``stem``, the ZIP's own name without its ending: the CSV inside must bear the same.
    """
    return read_candle_csv(_only_csv(data, stem))


def _only_csv(data: bytes, stem: str = "") -> bytes:
    """The one CSV inside a ZIP; `DataError` when there is not exactly one, or it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise DataError(f"it holds {len(names)} CSV files, one is expected")
            inside = names[0].rsplit("/", 1)[-1].removesuffix(".csv")
            if stem and inside != stem:
                raise DataError(
                    f"it holds the data of {inside}, its name says {stem}; download it again"
                )
            return _unpacked(archive, archive.getinfo(names[0]), data)
    except _DAMAGES as error:
        raise DataError(f"the ZIP is damaged ({error}); download it again") from error
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise DataError(f"the ZIP cannot be unpacked ({error}); download it again") from error


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: bytes) -> bytes:
    """The bytes of one file inside a ZIP, checked against their CRC-32.

    A deflated one is unpacked by ISA-L, in a third of the time that zlib takes.
    """
    if info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & _ENCRYPTED:
        return archive.read(info)
    with archive.open(info):  # reads and checks the header that stands before the bytes
        name, extra = _LENGTHS.unpack_from(data, info.header_offset + _LENGTHS_AT)
    begin = info.header_offset + _LENGTHS_AT + _LENGTHS.size + name + extra
    packed = data[begin : begin + info.compress_size]
    # Not a byte more than one too many: a small file may unpack to more than the memory holds.
    unpacked = isal_zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)
    if len(unpacked) != info.file_size or isal_zlib.crc32(unpacked) != info.CRC:
        raise zipfile.BadZipFile(f"bad CRC-32 for file {info.filename!r}")
    return unpacked


def read_funding_archive(data: bytes) -> pa.Table:
    """Funding rates of an archive ZIP: ``calc_time, funding_interval_hours, last_funding_rate``."""
    return _funding(frames.read_funding_csv(_only_csv(data)))


def read_funding(path: Path) -> pa.Table:
    """Read a file of funding rates, also freqtrade's; the jitter of the times is kept."""
    return _funding(frames.read_funding_frame(path))


def _funding(frame: pl.DataFrame) -> pa.Table:
    """Return the rows that have a rate, as ``raw.funding`` has them."""
    if frame["funding_time"].null_count():
        raise DataError(f"{frame['funding_time'].null_count()} rows have no time that can be read")
    frame = frame.filter(pl.col("funding_rate").is_not_null())
    if "mark_price" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias("mark_price"))
    columns = [frame[name].to_arrow() for name in RAW_FUNDING.schema.names]
    return pa.table([columns[0].cast(TIME), *columns[1:]], names=RAW_FUNDING.schema.names)


@dataclass(frozen=True)
class Instruments:
    """A snapshot of a venue's filters, as of ``time`` (ms UTC)."""

    venue: str
    time: int
    table: pa.Table


def read_instruments(path: Path) -> Instruments:
    """Read ``instruments.json``: venue, snapshot time, exchangeInfo's symbols, brackets, fees."""
    try:
        data = json.loads(path.read_bytes())
        venue, time = str(data["venue"]), milliseconds(parse_iso(str(data["time"])))
        brackets = {item["symbol"]: item["brackets"] for item in data.get("leverageBrackets", [])}
        fees = {item["symbol"]: item for item in data.get("commissionRates", [])}
        rows = [
            _instrument(
                symbol, time, brackets.get(symbol["symbol"]), fees.get(symbol["symbol"], {})
            )
            for symbol in data["symbols"]
        ]
        columns = {
            field.name: pa.array([row[field.name] for row in rows], field.type)
            for field in RAW_INSTRUMENTS.schema
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"it is not a snapshot of instruments ({error!r})") from error
    if venue not in VENUES:
        raise DataError(f"the venue '{venue}' is not known; known are {', '.join(VENUES)}")
    return Instruments(venue, time, pa.table(columns, schema=RAW_INSTRUMENTS.schema))


def _instrument(
    symbol: Mapping[str, Any], time: int, brackets: Any, fees: Mapping[str, Any]
) -> dict[str, Any]:
    filters = {item["filterType"]: item for item in symbol["filters"]}
    lot = filters["LOT_SIZE"]
    # Spot says minNotional, futures notional.
    least = filters.get("MIN_NOTIONAL", filters.get("NOTIONAL", {}))
    return {
        "symbol": str(symbol["symbol"]),
        "time": time,
        "base": str(symbol["baseAsset"]),
        "quote": str(symbol["quoteAsset"]),
        "status": str(symbol["status"]),
        "tick_size": str(filters["PRICE_FILTER"]["tickSize"]),
        "step_size": str(lot["stepSize"]),
        "min_quantity": str(lot["minQty"]),
        "max_quantity": str(lot["maxQty"]),
        "market_max_quantity": _text(filters.get("MARKET_LOT_SIZE", {}).get("maxQty")),
        "min_notional": _text(least.get("notional", least.get("minNotional"))),
        "maker_fee": _text(fees.get("makerCommissionRate")),
        "taker_fee": _text(fees.get("takerCommissionRate")),
        "margin_brackets": None if brackets is None else json.dumps(brackets, sort_keys=True),
    }


def _text(value: object) -> str | None:
    """Return a decimal as text; some files write it as a number."""
    return None if value is None else str(value)
