"""OTO and OTOCO lists: a filled order places others, which may end each other."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import SpotAccount, SpotOrder, SpotOrderRequest
from sandbox.market.spot_instruments import BUILT_IN

D = Decimal
SYMBOL = "BTCUSDT"


@pytest.fixture
def engine() -> SpotEngine:
    engine = SpotEngine([BUILT_IN[SYMBOL]])
    engine.open_account("main", {"USDT": D(10_000), "BTC": D("0.001")})
    engine.on_price(SYMBOL, D(100_000))
    return engine


@pytest.fixture
def account(engine: SpotEngine) -> SpotAccount:
    return engine.core.accounts["main"]


def order(side: str, kind: str, price: str = "0", stop: str = "0") -> SpotOrderRequest:
    return SpotOrderRequest(
        SYMBOL, side, kind, quantity=D("0.05"), price=D(price), stop_price=D(stop)
    )


ENTRY = order("BUY", "LIMIT", "99000")
EXIT = order("SELL", "LIMIT", "102000")
STOP = order("SELL", "STOP_LOSS", stop="98000")


def placed(
    engine: SpotEngine, account: SpotAccount, *pending: SpotOrderRequest
) -> tuple[SpotOrder, ...]:
    found = engine.place_triggering(account, ENTRY, pending, "")
    return tuple(account.orders[ident] for ident in found.order_ids)


def test_pending_order_reserves_nothing_and_does_not_trade(
    engine: SpotEngine, account: SpotAccount
) -> None:
    entry, stop = placed(engine, account, order("SELL", "STOP_LOSS", stop="99500"))
    assert (entry.status, stop.status) == ("NEW", "PENDING_NEW")
    assert (account.locked["USDT"], account.locked["BTC"]) == (D(4950), D(0))
    engine.on_price(SYMBOL, D(99_200))
    assert stop.status == "PENDING_NEW"


def test_fill_places_the_pending_order(engine: SpotEngine, account: SpotAccount) -> None:
    entry, stop = placed(engine, account, STOP)
    engine.on_price(SYMBOL, D(98_900))
    assert (entry.status, stop.status, stop.working) == ("FILLED", "NEW", False)
    assert account.locked["BTC"] == D("0.05")
    engine.on_price(SYMBOL, D(97_900))
    assert stop.status == "FILLED"
    assert account.lists[stop.list_id].order_status == "ALL_DONE"


@pytest.mark.parametrize(
    ("price", "statuses"), [("102100", ("FILLED", "EXPIRED")), ("97900", ("EXPIRED", "FILLED"))]
)
def test_pair_of_an_otoco_ends_each_other(
    engine: SpotEngine, account: SpotAccount, price: str, statuses: tuple[str, str]
) -> None:
    _, above, below = placed(engine, account, order("SELL", "LIMIT_MAKER", "102000"), STOP)
    engine.on_price(SYMBOL, D(98_900))
    assert (above.status, below.status, account.locked["BTC"]) == ("NEW", "NEW", D("0.05"))
    engine.on_price(SYMBOL, D(price))
    assert (above.status, below.status) == statuses
    assert account.lists[above.list_id].order_status == "ALL_DONE"
    assert account.locked["BTC"] == 0


def test_cancelled_entry_ends_what_waits_for_it(engine: SpotEngine, account: SpotAccount) -> None:
    entry, stop = placed(engine, account, STOP)
    engine.cancel(account, entry)
    assert not stop.open
    assert account.lists[stop.list_id].order_status == "ALL_DONE"
    assert account.locked["USDT"] == 0


def test_partial_fill_places_nothing(engine: SpotEngine, account: SpotAccount) -> None:
    engine.supply(SYMBOL, D("0.02"))
    entry, stop = placed(engine, account, STOP)
    engine.on_price(SYMBOL, D(98_900))
    assert (entry.status, stop.status) == ("PARTIALLY_FILLED", "PENDING_NEW")


def test_pending_order_without_balance_expires(engine: SpotEngine, account: SpotAccount) -> None:
    other = SpotOrderRequest(SYMBOL, "SELL", "STOP_LOSS", quantity=D("0.06"), stop_price=D(98_000))
    _, stop = placed(engine, account, other)
    engine.on_price(SYMBOL, D(98_900))
    assert stop.status == "EXPIRED"
    assert account.free("BTC") == account.totals["BTC"]


def test_entry_that_fills_at_once_triggers_after_the_response(
    engine: SpotEngine, account: SpotAccount
) -> None:
    found = engine.place_triggering(account, order("BUY", "LIMIT", "101000"), [STOP], "")
    entry, stop = (account.orders[ident] for ident in found.order_ids)
    assert (entry.status, stop.status) == ("FILLED", "PENDING_NEW")
    engine.activate_due()
    assert stop.status == "NEW"


def test_list_that_is_refused_leaves_nothing(engine: SpotEngine, account: SpotAccount) -> None:
    dear = SpotOrderRequest(SYMBOL, "BUY", "LIMIT", quantity=D(1), price=D(99_000))
    with pytest.raises(ExchangeError, match="-2010"):
        engine.place_triggering(account, dear, [STOP], "")
    with pytest.raises(ExchangeError, match="-2010"):
        engine.place_triggering(account, ENTRY, [STOP, EXIT], "")
    assert not account.lists
    assert not account.open_orders


def test_frozen_list_continues(engine: SpotEngine, account: SpotAccount) -> None:
    placed(engine, account, STOP)
    engine.thaw(engine.freeze())
    engine.on_price(SYMBOL, D(98_900))
    again = engine.core.accounts["main"]
    assert [o.status for o in again.orders.values()] == ["FILLED", "NEW"]
