"""Positions that are balances: pairs, fees in other assets, the account's own coins, dust."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from executor.builder import Executor
from executor.model import (
    Capabilities,
    NewOrder,
    OrderKind,
    OrderUpdate,
    Protection,
    VenueOrder,
    VenuePosition,
    instrument_id,
)
from executor.venues.faults import OutcomeUnknown
from tests.executor.fakes import BTC, BTCUSDT, FakeVenue, executor_on, settled, signal
from trading.candles import Candle

SPOT = Capabilities(Protection.OCO, short_selling=False, margin=False, reduce_only=False)
FEE = Decimal("0.001")


class FakeSpot(FakeVenue):
    """Balances instead of positions; fees come out of what was bought, or are paid in BNB."""

    capabilities = SPOT
    own = Decimal(0)
    """Coins of the account that no order of ours bought."""
    fee_asset = "BTC"
    bnb_price: float | None = 600.0
    asked = 0

    async def positions(self) -> list[VenuePosition]:
        total = self.own + self.held.get(BTCUSDT, Decimal(0))
        return [VenuePosition(BTCUSDT, total, Decimal(0))] if total else []

    async def place(self, order: NewOrder) -> VenueOrder:
        placed = await super().place(order)
        if order.partner is not None:
            await super().place(order.partner)
            for client_id in (order.client_id, order.partner.client_id):
                self.orders[client_id] = replace(self.orders[client_id], parent="7")
        return placed

    def fill(self, client_id: str, quantity: Decimal) -> None:
        sink, self.sink = self.sink, lambda _event: None
        super().fill(client_id, quantity)
        self.sink = sink
        trade = self.fills.pop()
        fee = quantity * FEE if self.fee_asset == "BTC" else Decimal("0.01")
        trade = replace(trade, fee=fee, fee_asset=self.fee_asset, realized_pnl=None)
        if self.fee_asset == "BTC" and trade.side == "BUY":
            self.held[BTCUSDT] -= fee
        self.fills.append(trade)
        self.sink(OrderUpdate(self.orders[client_id], trade, self.time))

    async def klines(  # type: ignore[override]
        self, symbol: str, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        del interval, end_ms
        if symbol != instrument_id("BNBUSDT", self.name):
            return []
        self.asked += 1
        if self.bnb_price is None:
            raise OutcomeUnknown("away")
        return [Candle(start_ms, 1.0, 1.0, 1.0, self.bnb_price, 1.0)]


def stored(executor: Executor, sql: str) -> list[dict[str, object]]:
    executor.services.ledger.flush()
    return [dict(row) for row in executor.services.ledger._db.execute(sql)]


async def test_stop_and_target_rest_as_one_pair_of_what_the_fee_left(tmp_path: Path) -> None:
    venue = FakeSpot()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        assert holding.row.quantity == Decimal("0.01998")
        resting = [o for o in venue.orders.values() if o.resting]
        assert {(o.kind, o.quantity) for o in resting} == {
            (OrderKind.STOP_MARKET, Decimal("0.019")),
            (OrderKind.TAKE_PROFIT_MARKET, Decimal("0.019")),
        }
        parents = stored(executor, "select distinct parent from orders where leg in ('sl', 'tp')")
        assert len(parents) == 1


async def test_an_exit_sells_what_is_ours_and_notes_the_dust(tmp_path: Path) -> None:
    venue = FakeSpot()
    venue.own = Decimal(3)
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "test", None)
        await settled(executor)
        assert holding.closed.is_set()
        assert [f.quantity for f in venue.fills if f.side == "SELL"] == [Decimal("0.019")]
        (dust,) = stored(executor, "select data from events where type = 'dust_left'")
        assert json.loads(str(dust["data"])) == {"asset": "BTC", "quantity": "0.00098"}
        await executor.reconciler.run_once()
        await settled(executor)
        assert executor.portfolio.slot(BTCUSDT).halted is None
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_a_short_entry_is_refused_where_nothing_can_be_borrowed(tmp_path: Path) -> None:
    venue = FakeSpot()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, side=-1)
        await settled(executor)
        assert venue.orders == {}
        (refused,) = stored(executor, "select data from events where type = 'entry_refused'")
        assert "cannot sell short" in str(refused["data"])


async def test_a_fee_in_another_asset_is_booked_at_the_price_of_its_minute(tmp_path: Path) -> None:
    venue = FakeSpot()
    venue.fee_asset = "BNB"
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        (fill,) = stored(executor, "select fee, fee_asset, fee_quote, fee_base from fills")
        assert (fill["fee"], fill["fee_asset"], fill["fee_base"]) == ("0.01", "BNB", "0")
        assert Decimal(str(fill["fee_quote"])) == 6  # 0.01 BNB at 600
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert (holding.row.quantity, holding.row.fees) == (Decimal("0.020"), Decimal(6))


async def test_a_fee_without_a_price_is_booked_when_there_is_one(tmp_path: Path) -> None:
    venue = FakeSpot()
    venue.fee_asset, venue.bnb_price = "BNB", None
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        assert stored(executor, "select fee_quote from fills") == [{"fee_quote": None}]
        venue.bnb_price = 500.0
        await executor.fees.price_late()
        await executor.fees.price_late()
        assert [
            Decimal(str(r["fees"])) for r in stored(executor, "select fees from positions")
        ] == [Decimal(5)]


async def test_a_close_above_the_largest_market_order_goes_out_in_parts(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        executor.portfolio.learn({BTCUSDT: replace(BTC, max_quantity=Decimal("0.008"))})
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "test", None)
        await settled(executor)
        assert holding.closed.is_set()
        sold = [fill.quantity for fill in venue.fills if fill.side == "SELL"]
        assert sold == [Decimal("0.008"), Decimal("0.008"), Decimal("0.004")]
