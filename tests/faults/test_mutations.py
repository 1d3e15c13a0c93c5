"""Faults in the executor itself, which the drills and their audit must notice."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.order_manager import OrderManager
from executor.ledger.store import Ledger
from executor.market_data.feed import MarketFeed
from executor.model import InstrumentId, NewOrder, VenueFill, VenueOrder
from executor.venues.binance.client import BinanceClient
from executor.venues.binance.transport import BinanceTransport
from tests.faults.drill import ENTRIES, SOON, TAKEN, Drill, Outcome, before_entry, gaps, hold
from trading.candles import Candle

pytestmark = pytest.mark.slow


async def noticed(folder: Path, kind: str) -> Outcome:
    """The drill F2 or F3, whose audit must find something."""
    fault = before_entry(kind, method="POST", path=ENTRIES, count=2)
    outcome = await hold(folder, Drill((fault,), extra=SOON))
    assert outcome.struck > 0
    assert outcome.violations() != []
    return outcome


async def test_without_the_query_an_unanswered_entry_is_sent_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_asked(_manager: OrderManager, _order: NewOrder) -> None:
        return None

    async def repeated(*_arguments: Any) -> bool:
        return True

    monkeypatch.setattr(OrderManager, "query_until_certain", never_asked)
    monkeypatch.setattr("executor.execution.entries.EntryHandler._may_repeat", repeated)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I1") for text in outcome.violations())


async def test_a_trade_that_is_not_written_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_fill, dropped = Ledger.add_fill, []

    def forgetful(ledger: Ledger, fill: VenueFill, *others: Any) -> bool:
        if not dropped or fill.trade_id in dropped:
            dropped.append(fill.trade_id)
            return False
        return add_fill(ledger, fill, *others)

    monkeypatch.setattr(Ledger, "add_fill", forgetful)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I3") for text in outcome.violations())


async def test_a_fill_that_is_applied_twice_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, numbers = FillRecorder.apply, itertools.count(1)

    def doubled(recorder: FillRecorder, fill: VenueFill, row: Any) -> bool:
        found = apply(recorder, fill, row)
        apply(recorder, replace(fill, trade_id=f"9{next(numbers)}{fill.trade_id}"), row)
        return found

    monkeypatch.setattr(FillRecorder, "apply", doubled)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I3") for text in outcome.violations())


async def test_without_our_id_an_order_is_one_that_nobody_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = BinanceTransport._twice

    async def anonymous(
        transport: BinanceTransport, endpoint: str, params: dict[str, Any], **named: Any
    ) -> Any:
        kept = {name: value for name, value in params.items() if name != "newClientOrderId"}
        return await send(transport, endpoint, kept, **named)

    monkeypatch.setattr(BinanceTransport, "_twice", anonymous)
    outcome = await noticed(tmp_path, "drop_response")
    assert any(text.startswith("I2") for text in outcome.violations())


LOST_CANDLES = before_entry("drop_market", path="^ethusdt@kline", count=8)


async def test_f22_lost_candles_are_fetched_before_anything_is_decided(tmp_path: Path) -> None:
    outcome = await hold(tmp_path, Drill((LOST_CANDLES,)))
    assert outcome.struck > 0
    assert outcome.violations() == []
    assert gaps(outcome) == []


async def test_a_gap_that_is_handed_on_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hand_on(feed: MarketFeed, symbol: InstrumentId, candle: Candle) -> None:
        if candle.open_time > feed._last_open.get(symbol, 0):
            feed._publish(symbol, candle)

    monkeypatch.setattr(MarketFeed, "_closed", hand_on)
    outcome = await hold(tmp_path, Drill((LOST_CANDLES,)))
    assert outcome.struck > 0
    assert gaps(outcome) != []


def unreadable(venue: str) -> list[dict[str, Any]]:
    """The exchange takes an entry and answers without its number, and says nothing more."""
    answer = before_entry(
        "alter_response", method="POST", path=ENTRIES, field="orderId", value="", venue=venue
    )
    return [dict(answer), dict(before_entry("mute_user", seconds=600.0))]


async def test_f10_an_answer_that_cannot_be_read_is_asked_about_at_once(tmp_path: Path) -> None:
    outcome = await hold(tmp_path, Drill(unreadable("")))
    assert outcome.struck > 1
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
    assert outcome.events(EventType.SYSTEM_ERROR) == []


async def test_an_answer_that_is_parsed_outside_the_catch_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unguarded(client: BinanceClient, order: NewOrder) -> VenueOrder:
        return await client._send(order)

    async def requested(manager: OrderManager, order: NewOrder) -> VenueOrder:
        return await manager._services.venue_of(order.symbol).place(order)

    monkeypatch.setattr(BinanceClient, "place", unguarded)
    monkeypatch.setattr(OrderManager, "_request", requested)
    outcome = await hold(tmp_path, Drill(unreadable("")))
    assert outcome.events(EventType.SYSTEM_ERROR) != []
    assert [*outcome.violations(), *([] if outcome.ends() == TAKEN else ["other ends"])] != []
