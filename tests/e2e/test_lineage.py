"""One changed bit of the market data changes the lineage: other hashes, another release."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.ingest.importer import import_folder
from lake.lineage import verify_all
from lake.releases import (
    Candidate,
    FlowRun,
    PartitionRef,
    StrategyEntry,
    publish,
    read_current,
)
from lake.store import Lake
from lake.tables import RAW_CANDLES
from trading.strategies.registry import get_strategy

SAMPLE = Path(__file__).resolve().parents[2] / "data_lake" / "sample" / "candles_1m" / "usdm"
AS_OF = datetime(2025, 6, 22, tzinfo=UTC)
ROW = 40_000  # 2025-06-01, 10:13 UTC: of the second month


def publish_from(folder: Path, changed: bool) -> tuple[str, tuple[PartitionRef, ...]]:
    """Import BTCUSDT and publish a release; return its id and the partitions read."""
    candles = pq.read_table(SAMPLE / "BTCUSDT.parquet")
    if changed:
        lows = candles["low"].to_numpy().copy()
        lows[ROW] = np.nextafter(lows[ROW], 0.0)
        at = candles.schema.get_field_index("low")
        candles = candles.set_column(at, "low", pa.array(lows))
    source = folder / "sample" / "candles_1m" / "usdm"
    source.mkdir(parents=True)
    pq.write_table(candles, source / "BTCUSDT.parquet")
    lake = Lake(folder / "lake")
    import_folder(lake, folder / "sample", AS_OF)
    read = lake.fingerprint(RAW_CANDLES, AS_OF)
    entry = StrategyEntry(
        strategy="breakout", symbol="BTCUSDT", params=get_strategy("breakout").resolve({})
    )
    run = FlowRun(id="run-1", name="nightly")
    root = lake.root / "published"
    publish(root, Candidate(AS_OF, read, run, strategies=(entry,)), now=AS_OF)
    return read_current(root, AS_OF).release_id, read


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, tuple[PartitionRef, ...]]:
    return publish_from(tmp_path_factory.mktemp("original"), changed=False)


def test_the_same_prices_are_the_same_release(
    tmp_path: Path, original: tuple[str, tuple[PartitionRef, ...]]
) -> None:
    assert publish_from(tmp_path, changed=False) == original


def test_the_smallest_change_of_one_price_is_another_lineage(
    tmp_path: Path, original: tuple[str, tuple[PartitionRef, ...]]
) -> None:
    release, (may, june) = original
    other_release, (other_may, other_june) = publish_from(tmp_path, changed=True)
    assert other_may == may
    assert other_june.rows == june.rows
    assert other_june.sha256 != june.sha256
    assert other_release != release
    found = verify_all(Lake(tmp_path / "lake"), (may, june), AS_OF)
    assert [verification.verified for verification in found] == [True, False]
    assert june.path in found[1].text
