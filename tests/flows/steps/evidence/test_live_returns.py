"""Live returns count on the scale of the simulation, whatever size a position had."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from flows.steps.evidence.live_returns import live_returns
from lake.store import Lake
from lake.tables import FILLS, POSITIONS
from tests.flows.steps.evidence.test_unseen_days import FIRST, PARAMS, look
from trading.candles import DAY_MS

BEGIN = round(FIRST.timestamp() * 1000) // DAY_MS
AS_OF = datetime(2025, 6, 19, tzinfo=UTC)


def position(
    lake: Lake, *, size: float, profit: float, opened: datetime = FIRST, **changes: object
) -> None:
    """Write one closed position that was entered in two fills at 100."""
    row = {
        "opened_at": opened,
        "closed_at": opened + timedelta(hours=30),
        "id": 7,
        "venue": "binance_usdm",
        "symbol": "BTCUSDT",
        "strategy": "breakout",
        "side": 1,
        "status": "closed",
        "quantity": 0.0,
        "entry_price": 100.0,
        "release_id": "r",
        "realized_pnl": profit,
        "fees": 1.0,
        "params": json.dumps(dict(PARAMS)),
        **changes,
    }
    day = f"{opened:%Y-%m-%d}"
    fields = [POSITIONS.schema.field(name) for name in row]
    lake.write(POSITIONS, pa.Table.from_pylist([row], schema=pa.schema(fields)), day=day)
    fills = [
        {
            "time": opened + timedelta(minutes=number),
            "venue": "binance_usdm",
            "symbol": "BTCUSDT",
            "trade_id": str(number),
            "client_id": "c",
            "side": side,
            "price": 100.0,
            "quantity": size / 2,
            "position_id": 7,
        }
        for number, side in enumerate(("BUY", "BUY", "SELL", "SELL"))
    ]
    fields = [FILLS.schema.field(name) for name in fills[0]]
    lake.write(FILLS, pa.Table.from_pylist(fills, schema=pa.schema(fields)), day=day)


def found(lake: Lake, days: int = 5, as_of: datetime = AS_OF) -> list[float]:
    return live_returns(lake, look(), "binance_usdm", BEGIN, days, as_of)


@pytest.mark.parametrize("size", [1.0, 40.0])
def test_a_position_counts_by_its_return_not_by_its_size(tmp_path: Path, size: float) -> None:
    lake = Lake(tmp_path)
    # A loss of 5 % of what was entered, fees included, at the 20 % that the parameters take.
    position(lake, size=size, profit=1.0 - 5.0 * size)
    assert found(lake) == pytest.approx([0.0, -0.05 * PARAMS["max_position_size"], 0.0, 0.0, 0.0])


def test_what_was_opened_before_or_closes_after_does_not_count(tmp_path: Path) -> None:
    early, late = Lake(tmp_path / "a"), Lake(tmp_path / "b")
    position(early, size=1.0, profit=-9.0, opened=FIRST - timedelta(hours=2))
    assert found(early) == [0.0] * 5
    position(late, size=1.0, profit=-9.0)
    assert found(late, as_of=FIRST + timedelta(hours=30)) == [0.0] * 5


def test_other_strategies_symbols_and_venues_do_not_count(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    position(lake, size=1.0, profit=-9.0, strategy="pullback")
    assert found(lake) == [0.0] * 5
    position(lake, size=1.0, profit=-9.0, symbol="ETHUSDT")
    assert found(lake) == [0.0] * 5
    position(lake, size=1.0, profit=-9.0, venue="binance_spot")
    assert found(lake) == [0.0] * 5


def test_without_a_ledger_nothing_was_earned(tmp_path: Path) -> None:
    assert found(Lake(tmp_path)) == [0.0] * 5
