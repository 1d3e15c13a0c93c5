"""Files of the exchanges as Arrow tables: archive ZIPs, funding rates, instruments.

Nothing is invented: what a source lacks is null. An unreadable file raises `DataError` with the
reason; the importer reports it and goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from lake.content import milliseconds
from lake.contract import TIME
from lake.ingest.candle_files import read_candle_csv
from lake.ingest.formats import frames
from lake.ingest.formats.zip_files import only_csv
from lake.partitions import parse_iso
from lake.tables import RAW_FUNDING, RAW_INSTRUMENTS, VENUES
from trading.errors import DataError


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
    return read_candle_csv(only_csv(data, stem))


def read_funding_archive(data: bytes) -> pa.Table:
    """Funding rates of an archive ZIP: ``calc_time, funding_interval_hours, last_funding_rate``."""
    return _funding(frames.read_funding_csv(only_csv(data)))


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
