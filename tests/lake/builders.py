"""Small literal data for the lake's tests."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lake.releases import Candidate, FlowRun, PartitionRef, StrategyEntry
from trading.candles import MINUTE_MS
from trading.research.gates import GateVerdict

MAY_31_2358 = 1_748_735_880_000
AS_OF = datetime(2025, 6, 20, tzinfo=UTC)
WALL = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SERIES = {"venue": "binance_usdm", "symbol": "BTCUSDT", "interval": "1m", "month": "2025-05"}
RUN = FlowRun(id="run-1", name="nightly")


def candles(first_ms: int, closes: list[float]) -> pa.Table:
    """Return one candle per minute with these closes; the other prices follow from them."""
    return pa.table(
        {
            "open_time": pa.array(
                [first_ms + i * MINUTE_MS for i in range(len(closes))], pa.timestamp("ms", tz="UTC")
            ),
            "open": closes,
            "high": [close + 1 for close in closes],
            "low": [close - 1 for close in closes],
            "close": closes,
            "volume": [10.0] * len(closes),
        }
    )


def candle_file(path: Path, first_ms: int, closes: list[float]) -> Path:
    """Write a Parquet file of `candles`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(candles(first_ms, closes), path)
    return path


HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def archive_csv(first: int, closes: list[float], unit: int = 1, header: bool = True) -> str:
    """Return the exchange's CSV; ``unit`` 1000 writes microseconds."""
    lines = [
        f"{(first + i * MINUTE_MS) * unit},{c},{c + 1},{c - 1},{c},10.0,"
        f"{(first + i * MINUTE_MS + MINUTE_MS - 1) * unit},{c * 10},7,4.0,{c * 4},0\n"
        for i, c in enumerate(closes)
    ]
    return (HEADER if header else "") + "".join(lines)


def archive_file(
    folder: Path, text: str, month: str = "2025-05", symbol: str = "FILUSDT", venue: str = "um"
) -> Path:
    """Write a monthly ZIP and its CHECKSUM into the folders of the archive."""
    market = "futures/um" if venue == "um" else "spot"
    place = folder / market / "monthly" / "klines" / symbol / "1m"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{symbol}-1m-{month}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.with_suffix(".csv").name, text)
    write_checksum(path)
    return path


def write_checksum(path: Path) -> None:
    """Write the exchange's CHECKSUM file for a ZIP."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{digest}  {path.name}\n")


def entry(k: float = 0.5, proven: bool = False, symbol: str = "BTCUSDT") -> StrategyEntry:
    """Return a breakout on one symbol."""
    verdict = GateVerdict("trades", proven, 40.0 if proven else 3.0, 30.0, "trades ≥ 30")
    return StrategyEntry(
        strategy="breakout",
        symbol=symbol,
        params={"k": k},
        in_sample={"sharpe": 1.5},
        out_of_sample={"sharpe": 0.5},
        verdicts=(verdict,),
        proven=proven,
    )


REF = PartitionRef(
    table="candles",
    layer="checked",
    partition=SERIES,
    path="checked/candles/part.parquet",
    rows=2,
    first=datetime(2025, 5, 31, 23, 58, tzinfo=UTC),
    last=datetime(2025, 5, 31, 23, 59, tzinfo=UTC),
    sha256="ab" * 32,
)


def candidate(*entries: StrategyEntry, as_of: datetime = AS_OF) -> Candidate:
    """Return what a nightly run would publish."""
    return Candidate(
        as_of=as_of, fingerprint=(REF,), flow_run=RUN, strategies=entries or (entry(),)
    )
