"""Files of the ledger that were written before orders had a venue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.catalog import query
from lake.contract import Fallback, Table
from lake.store import Lake
from lake.tables import EVENTS, FILLS, LEDGER_EQUITY, ORDERS, POSITIONS
from trading.errors import DataError

MOMENT = datetime(2025, 6, 19, 12, tzinfo=UTC)
OLDER_FILL = {"fee": 0.25, "symbol": "BTCUSDT", "trade_id": "9"}


def value(field: pa.Field) -> object:
    """Return some value of a column."""
    if pa.types.is_timestamp(field.type):
        return MOMENT
    return "x" if pa.types.is_string(field.type) else 1


def write_older(lake: Lake, table: Table, **values: object) -> None:
    """Write a partition without the columns that came later, past the contract."""
    fields = [field for field in table.schema if field.name not in table.fallbacks]
    row = {field.name: values.get(field.name, value(field)) for field in fields}
    path = lake.path(table, day="2025-06-19")
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([row], schema=pa.schema(fields)), path)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake")
    made.root.mkdir()
    return made


@pytest.mark.parametrize("table", [ORDERS, FILLS, POSITIONS, EVENTS, LEDGER_EQUITY])
def test_an_older_file_of_the_ledger_belongs_to_the_first_venue(lake: Lake, table: Table) -> None:
    write_older(lake, table)
    assert lake.read(table)["venue"].to_pylist() == ["binance_usdm"]
    assert query(lake, f"select venue from {table.view}")["venue"].to_pylist() == ["binance_usdm"]


def test_a_fee_without_its_worth_was_in_the_quote_asset(lake: Lake) -> None:
    write_older(lake, FILLS, **OLDER_FILL)
    assert lake.read(FILLS, ["fee_quote"])["fee_quote"].to_pylist() == [0.25]
    assert lake.read(FILLS)["fee_base"].to_pylist() == [None]
    row = query(lake, "select fee_quote, fee_base from fills").to_pylist()[0]
    assert row == {"fee_quote": 0.25, "fee_base": None}


def test_older_and_newer_files_are_read_together(lake: Lake) -> None:
    write_older(lake, LEDGER_EQUITY)
    newer = {"time": [MOMENT.replace(day=20)], "venue": ["binance_spot"], "asset": ["USDC"]}
    lake.write(LEDGER_EQUITY, pa.table({**newer, "equity": [2.0]}), day="2025-06-20")
    assert lake.read(LEDGER_EQUITY)["asset"].to_pylist() == ["USDT", "USDC"]
    rows = query(lake, "select venue from equity order by time").to_pylist()
    assert [row["venue"] for row in rows] == ["binance_usdm", "binance_spot"]


def test_a_column_without_a_fallback_is_still_missed(lake: Lake) -> None:
    assert FILLS.fallbacks["venue"] == Fallback("binance_usdm")
    fields = [field for field in FILLS.schema if field.name not in (*FILLS.fallbacks, "price")]
    path = lake.path(FILLS, day="2025-06-19")
    path.parent.mkdir(parents=True)
    row = {field.name: value(field) for field in fields}
    pq.write_table(pa.Table.from_pylist([row], schema=pa.schema(fields)), path)
    with pytest.raises(DataError, match="column 'price' is missing"):
        lake.read(FILLS)
