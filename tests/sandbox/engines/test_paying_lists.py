"""OPO and OPOCO lists: what the working order receives is what its pending orders sell."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import SpotAccount, SpotOrder, SpotOrderRequest
from sandbox.market.spot_instruments import BUILT_IN

D = Decimal
SYMBOL = "BTCUSDT"


def trading(**balances: str) -> tuple[SpotEngine, SpotAccount]:
    """Return an engine at 100,000 and its account."""
    engine = SpotEngine([BUILT_IN[SYMBOL]])
    engine.open_account("main", {asset: D(amount) for asset, amount in balances.items()})
    engine.on_price(SYMBOL, D(100_000))
    return engine, engine.core.accounts["main"]


def order(side: str, kind: str, price: str = "0", stop: str = "0", size: str = "0") -> (
    SpotOrderRequest
):  # fmt: skip
    return SpotOrderRequest(SYMBOL, side, kind, D(size), price=D(price), stop_price=D(stop))


def paid(
    engine: SpotEngine, account: SpotAccount, *pending: SpotOrderRequest, size: str = "0.05"
) -> tuple[SpotOrder, ...]:
    entry = order("BUY", "LIMIT", "99000", size=size)
    found = engine.place_triggering(account, entry, pending, "", pays=True)
    return tuple(account.orders[ident] for ident in found.order_ids)


PROFIT = order("SELL", "LIMIT_MAKER", "102000")
STOP = order("SELL", "STOP_LOSS", stop="98000")


def test_the_fee_comes_out_of_what_is_received_and_the_rest_is_sold() -> None:
    engine, account = trading(USDT="10000")
    entry, stop = paid(engine, account, STOP)
    assert (stop.status, stop.quantity) == ("PENDING_NEW", D(0))
    engine.on_price(SYMBOL, D(98_900))
    assert entry.status == "FILLED"
    assert (stop.status, stop.quantity) == ("NEW", D("0.04995"))
    assert account.locked["BTC"] == D("0.04995")
    engine.on_price(SYMBOL, D(97_900))
    assert (stop.status, account.totals["BTC"]) == ("FILLED", D(0))


def test_the_fee_comes_out_of_free_balance_where_there_is_enough() -> None:
    engine, account = trading(USDT="10000", BTC="0.001")
    _, stop = paid(engine, account, STOP)
    engine.on_price(SYMBOL, D(98_900))
    assert stop.quantity == D("0.05")
    assert account.free("BTC") == D("0.00095")


def test_a_part_is_locked_until_the_order_is_filled_and_free_when_it_is_cancelled() -> None:
    engine, account = trading(USDT="10000")
    engine.supply(SYMBOL, D("0.02"))
    entry, stop = paid(engine, account, STOP)
    engine.on_price(SYMBOL, D(98_900))
    assert (entry.status, stop.status) == ("PARTIALLY_FILLED", "PENDING_NEW")
    assert account.locked["BTC"] == account.totals["BTC"] > 0
    engine.cancel(account, entry)
    assert (account.locked["BTC"], stop.open) == (D(0), False)


def test_a_quantity_below_the_filters_expires_and_is_free() -> None:
    engine, account = trading(USDT="10000")
    tiny = order("SELL", "LIMIT", "30000")
    _, first = paid(engine, account, tiny, size="0.00006")
    engine.on_price(SYMBOL, D(98_900))
    assert first.status == "EXPIRED"
    assert account.locked["BTC"] == 0


@pytest.mark.parametrize(
    ("price", "statuses"), [("102100", ("FILLED", "EXPIRED")), ("97900", ("EXPIRED", "FILLED"))]
)
def test_the_pair_of_an_opoco_ends_each_other(price: str, statuses: tuple[str, str]) -> None:
    engine, account = trading(USDT="10000")
    _, above, below = paid(engine, account, PROFIT, STOP)
    engine.on_price(SYMBOL, D(98_900))
    assert account.locked["BTC"] == D("0.04995")
    engine.on_price(SYMBOL, D(price))
    assert (above.status, below.status) == statuses
    assert account.lists[above.list_id].order_status == "ALL_DONE"
    assert account.locked["BTC"] == 0


def test_a_frozen_list_continues() -> None:
    engine, account = trading(USDT="10000")
    paid(engine, account, STOP)
    engine.thaw(engine.freeze())
    engine.on_price(SYMBOL, D(98_900))
    orders = list(engine.core.accounts["main"].orders.values())
    assert [(o.status, o.quantity) for o in orders] == [
        ("FILLED", D("0.05")),
        ("NEW", D("0.04995")),
    ]


PATH = st.lists(st.integers(970, 1_030).map(lambda n: D(n) * 100), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(PATH, st.booleans(), st.sampled_from(["0.01", "0.05", "0.1"]))
def test_nothing_is_locked_that_is_not_there(path: list[Decimal], both: bool, supply: str) -> None:
    engine, account = trading(USDT="10000")
    paid(engine, account, *((PROFIT, STOP) if both else (STOP,)))
    for price in path:
        engine.supply(SYMBOL, D(supply))
        engine.on_price(SYMBOL, price)
        assert all(D(0) <= account.locked[a] <= account.totals[a] for a in account.totals)
    if not account.open_orders:
        assert all(locked == 0 for locked in account.locked.values())
