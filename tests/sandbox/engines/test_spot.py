"""The spot engine: locks, fees in the received asset, triggers, OCO, dust; money adds up."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import ListChanged, OrderReport, SpotAccount, SpotOrderRequest
from sandbox.market.spot_instruments import BUILT_IN
from tests.sandbox.helpers import START

D = Decimal
SYMBOL = "BTCUSDT"


def make(usdt: str = "10000", btc: str = "1") -> tuple[SpotEngine, SpotAccount]:
    engine = SpotEngine(BUILT_IN.values())
    engine.set_time(START)
    account = engine.open_account("main", {"USDT": D(usdt), "BTC": D(btc)})
    engine.on_price(SYMBOL, D("100000.00"))
    engine.take_events()
    return engine, account


def order(side: str, kind: str, quantity: str, **more: object) -> SpotOrderRequest:
    amounts = {k: D(v) if isinstance(v, str) and k != "tif" else v for k, v in more.items()}
    return SpotOrderRequest(SYMBOL, side, kind, D(quantity), **amounts)  # type: ignore[arg-type]


def test_limit_buy_locks_its_cost_and_frees_it_on_cancel() -> None:
    engine, account = make()
    placed = engine.place(account, order("BUY", "LIMIT", "0.05", price="90000"))
    assert (account.free("USDT"), account.locked["USDT"]) == (D(5500), D(4500))
    engine.cancel(account, placed)
    assert (account.free("USDT"), account.locked["USDT"]) == (D(10_000), D(0))


def test_touch_does_not_fill_but_a_price_beyond_fills_at_the_limit() -> None:
    engine, account = make()
    placed = engine.place(account, order("BUY", "LIMIT", "0.05", price="99000"))
    engine.on_price(SYMBOL, D("99000.00"))
    assert placed.status == "NEW"
    engine.on_price(SYMBOL, D("98999.99"))
    assert (placed.status, placed.spent) == ("FILLED", D(4950))
    assert account.totals["BTC"] == D(1) + D("0.05") * D("0.999")


def test_stop_loss_sells_at_the_market_when_its_price_is_reached() -> None:
    engine, account = make()
    placed = engine.place(account, order("SELL", "STOP_LOSS", "0.5", stop_price="98000"))
    assert not placed.working
    engine.on_price(SYMBOL, D("97999.00"))
    assert (placed.status, placed.spent) == ("FILLED", D("0.5") * D("97998.99"))


def test_trailing_stop_follows_the_price_up_and_sells_below_it() -> None:
    engine, account = make()
    placed = engine.place(account, order("SELL", "STOP_LOSS", "0.5", trailing=100))
    engine.on_price(SYMBOL, D("110000.00"))
    assert placed.level == D("108900")
    engine.on_price(SYMBOL, D("108900.00"))
    assert placed.status == "FILLED"


@pytest.mark.parametrize(
    ("price", "filled"), [("104000.01", "LIMIT_MAKER"), ("96000", "STOP_LOSS")]
)
def test_one_leg_of_an_oco_ends_the_other(price: str, filled: str) -> None:
    engine, account = make()
    found = engine.place_list(
        account,
        order("SELL", "LIMIT_MAKER", "0.5", price="104000"),
        order("SELL", "STOP_LOSS", "0.5", stop_price="96000"),
        "",
    )
    assert account.locked["BTC"] == D("0.5")
    engine.on_price(SYMBOL, D(price))
    legs = {account.orders[i].type: account.orders[i] for i in found.order_ids}
    other = next(leg for kind, leg in legs.items() if kind != filled)
    assert legs[filled].status == "FILLED"
    assert (other.status, other.expiry) == ("EXPIRED", "OCO_TRIGGER")
    assert found.order_status == "ALL_DONE"
    changes = [event for event in engine.take_events() if isinstance(event, ListChanged)]
    assert [event.order_status for event in changes] == ["EXECUTING", "ALL_DONE"]
    assert account.locked["BTC"] == 0


def test_oco_on_the_wrong_side_of_the_price_leaves_no_trace() -> None:
    engine, account = make()
    with pytest.raises(ExchangeError, match="relationship of the prices"):
        engine.place_list(
            account,
            order("SELL", "LIMIT_MAKER", "0.5", price="104000"),
            order("SELL", "STOP_LOSS_LIMIT", "0.5", stop_price="100001", price="100000"),
            "",
        )
    assert not account.open_orders
    assert engine.take_events() == []


def test_market_order_beyond_the_recorded_volume_expires_partly() -> None:
    engine, account = make("1000000")
    engine.supply(SYMBOL, D("0.4"))
    placed = engine.place(account, order("BUY", "MARKET", "1"))
    assert (placed.status, placed.filled) == ("EXPIRED", D("0.4"))
    assert placed.expiry == "INSUFFICIENT_LIQUIDITY"


def test_recorded_volume_goes_to_the_better_price_of_any_account_first() -> None:
    engine, account = make()
    other = engine.open_account("other", {"USDT": D(10_000)})
    late = engine.place(account, order("BUY", "LIMIT", "0.05", price="98000"))
    better = engine.place(other, order("BUY", "LIMIT", "0.05", price="99000"))
    engine.supply(SYMBOL, D("0.07"))
    engine.on_price(SYMBOL, D("97000.00"))
    assert (better.filled, late.filled, late.status) == (D("0.05"), D("0.02"), "PARTIALLY_FILLED")


def test_dust_becomes_bnb_minus_the_charge_and_larger_balances_are_refused() -> None:
    engine, account = make(btc="0.00009")
    assert engine.dust(account) == ["BTC"]
    ((asset, amount, received, charge),) = engine.convert_dust(account, ["BTC"])
    assert (asset, amount, charge) == ("BTC", D("0.00009"), D("0.0003"))
    assert (account.totals["BNB"], received) == (D("0.0147"), D("0.0147"))
    with pytest.raises(ExchangeError, match="32110"):
        engine.convert_dust(account, ["USDT"])


SIDES = st.sampled_from(["BUY", "SELL"])
AMOUNTS = st.integers(1, 400).map(lambda n: D(n) / 1000)
PRICES = st.integers(8_500, 11_500).map(lambda n: D(n) * 10)
ACTIONS = st.one_of(
    st.tuples(st.just("price"), PRICES, st.integers(0, 500).map(lambda n: D(n) / 1000)),
    st.tuples(st.just("MARKET"), SIDES, AMOUNTS),
    st.tuples(st.just("LIMIT"), SIDES, AMOUNTS, PRICES, st.sampled_from(["GTC", "IOC", "FOK"])),
    st.tuples(st.just("LIMIT_MAKER"), SIDES, AMOUNTS, PRICES),
    st.tuples(st.just("STOP_LOSS"), SIDES, AMOUNTS, PRICES),
    st.tuples(st.just("oco"), SIDES, AMOUNTS, PRICES, PRICES),
    st.tuples(st.just("cancel")),
)


def act(engine: SpotEngine, account: SpotAccount, action: tuple[object, ...]) -> None:
    """Do one action; a refusal must leave no trace."""
    before = len(engine.core.events)
    try:
        match action:
            case ("price", Decimal() as price, Decimal() as supply):
                engine.supply(SYMBOL, supply)
                engine.on_price(SYMBOL, price)
            case ("MARKET", str() as side, Decimal() as size):
                engine.place(account, SpotOrderRequest(SYMBOL, side, "MARKET", size))
            case ("LIMIT", str() as side, Decimal() as size, Decimal() as price, str() as tif):
                request = SpotOrderRequest(SYMBOL, side, "LIMIT", size, price=price, tif=tif)
                engine.place(account, request)
            case ("LIMIT_MAKER", str() as side, Decimal() as size, Decimal() as price):
                engine.place(
                    account, SpotOrderRequest(SYMBOL, side, "LIMIT_MAKER", size, price=price)
                )
            case ("STOP_LOSS", str() as side, Decimal() as size, Decimal() as price):
                engine.place(
                    account, SpotOrderRequest(SYMBOL, side, "STOP_LOSS", size, stop_price=price)
                )
            case ("oco", str() as side, Decimal() as size, Decimal() as one, Decimal() as two):
                maker = SpotOrderRequest(SYMBOL, side, "LIMIT_MAKER", size, price=one)
                stop = SpotOrderRequest(SYMBOL, side, "STOP_LOSS", size, stop_price=two)
                pair = (maker, stop) if side == "SELL" else (stop, maker)
                engine.place_list(account, *pair, "")
            case _:
                for found in list(account.open_orders.values()):
                    if found.open:
                        engine.cancel(account, found)
    except ExchangeError:
        assert len(engine.core.events) == before


@settings(max_examples=80, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=40))
def test_money_is_neither_created_nor_lost_and_nothing_is_sold_twice(
    actions: list[tuple[object, ...]],
) -> None:
    engine, account = make()
    expected: dict[str, Decimal] = defaultdict(Decimal, {"USDT": D(10_000), "BTC": D(1)})
    for number, action in enumerate(actions):
        engine.set_time(START + number)
        act(engine, account, action)
        for asset in ("USDT", "BTC"):
            assert account.locked[asset] >= 0
            assert account.free(asset) >= 0
    for fill in account.fills:
        sign = 1 if fill.side == "BUY" else -1
        expected["BTC"] += sign * fill.quantity
        expected["USDT"] -= sign * fill.quantity * fill.price
        expected[fill.fee_asset] -= fill.fee
    assert {name: account.totals[name] for name in expected} == dict(expected)
    for placed in account.orders.values():
        assert 0 <= placed.filled <= placed.quantity
    if not account.open_orders:
        assert not any(account.locked.values())
    reports = [event for event in engine.take_events() if isinstance(event, OrderReport)]
    assert all(report.order.filled <= report.order.quantity for report in reports)


def test_fee_is_paid_in_bnb_at_a_discount_while_there_is_enough() -> None:
    spot, _ = make()
    account = spot.open_account("burning", {"USDT": D(10_000), "BNB": D("0.001")})
    account.burn = True
    price = spot.core.markets[SYMBOL].ask
    bought = SpotOrderRequest(SYMBOL, "BUY", "MARKET", D("0.005"))
    spot.place(account, bought)
    fee = (D("0.005") * price * D("0.001") * D("0.75") / 600).quantize(D("0.00000001"))
    assert (account.fills[0].fee, account.fills[0].fee_asset) == (fee, "BNB")
    assert (account.totals["BTC"], account.totals["BNB"]) == (D("0.005"), D("0.001") - fee)
    spot.place(account, bought)
    assert (account.fills[1].fee, account.fills[1].fee_asset) == (D("0.00000500"), "BTC")
