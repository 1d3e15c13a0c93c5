"""A ledger of 0.2.0, which knew one venue, goes on with its open position."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

from executor.ledger.store import Ledger
from executor.model import OrderState
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled

OLD = Path(__file__).parent / "ledger_0_2_0.sql"
"""Written by 0.2.0: a closed position and an open one of 0.02 with its stop and target."""


def old_ledger(folder: Path) -> Path:
    path = folder / "ledger.sqlite"
    database = sqlite3.connect(path)
    database.executescript(OLD.read_text(encoding="utf-8"))
    database.close()
    return path


def test_rows_of_an_old_ledger_belong_to_the_venue_that_there_was(tmp_path: Path) -> None:
    ledger = Ledger(old_ledger(tmp_path))
    (held,) = ledger.open_positions()
    assert (held.symbol, held.quantity, held.quote_asset) == (BTCUSDT, Decimal("0.02"), "USDT")
    fills = ledger.fills_of(held.id)
    assert [(fill.symbol, fill.fee_quote) for fill in fills] == [(BTCUSDT, Decimal("0.5"))]
    resting = ledger.open_orders(BTCUSDT)
    assert {order.status for order in resting} == {OrderState.ACCEPTED}
    assert {order.leg for order in resting if order.key == held.key} == {"sl", "tp"}
    ledger.close()
    database = sqlite3.connect(tmp_path / "ledger.sqlite")
    for table in ("orders", "fills", "positions", "equity"):
        assert database.execute(f"select distinct venue from {table}").fetchall() == [
            ("binance_usdm",)
        ]
    database.close()


async def test_the_open_position_of_an_old_ledger_is_protected_and_can_be_closed(
    tmp_path: Path,
) -> None:
    old_ledger(tmp_path)
    venue = FakeVenue()
    venue.held[BTCUSDT], venue.entry[BTCUSDT] = Decimal("0.02"), Decimal(50_000)
    async with executor_on(tmp_path, venue) as executor:
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        assert venue.fills == []
        executor.closer.close(holding, "test", None)
        await settled(executor)
        assert holding.closed.is_set()
        assert [(fill.side, fill.quantity) for fill in venue.fills] == [("SELL", Decimal("0.02"))]
