"""Orders against the market: fills, fees, filters, refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.orders import find_order
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.requests import UsdmOrderRequest
from tests.sandbox.helpers import in_words, limit, market

D = Decimal


def refused(engine: UsdmEngine, account: UsdmAccount, request: UsdmOrderRequest) -> int:
    with pytest.raises(ExchangeError) as caught:
        engine.place(account, request)
    return caught.value.code


def test_market_buy_pays_one_tick_above_and_taker_fee(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    order = engine.place(account, market("BUY", "0.010"))
    assert order.status == "FILLED"
    assert order.average == D("100000.1")
    assert account.position("BTCUSDT").amount == D("0.010")
    assert account.wallet == D(10_000) - D("1000.001") * D("0.0005").quantize(D("0.00000001"))


def test_round_trip_books_profit_and_both_fees(engine: UsdmEngine, account: UsdmAccount) -> None:
    engine.place(account, market("BUY", "0.010"))
    engine.on_price("BTCUSDT", D("101000.0"))
    engine.place(account, market("SELL", "0.010"))
    # (100999.9 − 100000.1) × 0.01 − 0.50000050 − 0.50499950
    assert account.wallet == D("10008.99300000") - D("0.00000000")
    assert account.position("BTCUSDT").amount == 0
    assert account.position("BTCUSDT").cost == 0


def test_sell_larger_than_a_long_position_reverses_it(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    engine.place(account, market("SELL", "0.030"))
    position = account.position("BTCUSDT")
    assert position.amount == D("-0.020")
    assert position.entry_price == D("99999.9")
    assert position.realised == D("-0.00200000")


def test_limit_order_fills_only_when_the_price_trades_through(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    order = engine.place(account, limit("BUY", "0.010", "99000.0"))
    engine.on_price("BTCUSDT", D("99000.0"))
    assert order.status == "NEW"
    engine.on_price("BTCUSDT", D("98999.9"))
    assert (order.status, order.average) == ("FILLED", D("99000.0"))
    assert account.fills[-1].maker
    assert account.fills[-1].fee == D("0.19800000")


def test_better_priced_then_older_limit_orders_fill_first(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    first = engine.place(account, limit("BUY", "0.010", "99000.0"))
    second = engine.place(account, limit("BUY", "0.010", "99500.0"))
    third = engine.place(account, limit("BUY", "0.010", "99000.0"))
    engine.on_price("BTCUSDT", D("98000.0"))
    expected = [second.order_id, first.order_id, third.order_id]
    assert [fill.order_id for fill in account.fills] == expected


def test_crossing_limit_order_takes_at_the_better_market_price(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    order = engine.place(account, limit("BUY", "0.010", "100500.0"))
    assert (order.status, order.average) == ("FILLED", D("100000.1"))
    assert not account.fills[-1].maker


def test_post_only_order_that_would_take_is_refused(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    assert refused(engine, account, limit("BUY", "0.010", "100500.0", tif="GTX")) == -5022
    assert not account.orders


def test_fill_or_kill_that_cannot_fill_is_refused(engine: UsdmEngine, account: UsdmAccount) -> None:
    assert refused(engine, account, limit("BUY", "0.010", "99000.0", tif="FOK")) == -5021


def test_immediate_or_cancel_that_cannot_fill_expires(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    order = engine.place(account, limit("BUY", "0.010", "99000.0", tif="IOC"))
    assert order.status == "EXPIRED"
    assert in_words(engine.take_events()) == ["order NEW", "order EXPIRED"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (market("BUY", "0.0005"), -1111),
        (market("BUY", "0"), -4003),
        (market("BUY", "121"), -4005),
        (limit("BUY", "0.010", "99000.05"), -4014),
        (limit("BUY", "0.010", "99000.001"), -1111),
        (limit("BUY", "0.010", "100.0"), -4013),
        (limit("BUY", "0.010", "106000.0"), -4016),
        (limit("SELL", "0.010", "94000.0"), -4024),
        (limit("BUY", "0.001", "99000.0"), -4164),
        (market("BUY", "10"), -2019),
        (market("SELL", "0.010", reduce_only=True), -2022),
        (UsdmOrderRequest("XXXUSDT", "BUY", "MARKET", D("1")), -1121),
    ],
)
def test_order_that_breaks_a_rule_gets_the_documented_code(
    engine: UsdmEngine, account: UsdmAccount, request_: UsdmOrderRequest, code: int
) -> None:
    assert refused(engine, account, request_) == code
    assert engine.take_events() == []


def test_reduce_only_order_never_reverses_the_position(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    order = engine.place(account, market("SELL", "0.050", reduce_only=True))
    assert order.quantity == D("0.010")
    assert account.position("BTCUSDT").amount == 0


def test_resting_reduce_only_order_expires_with_its_position(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    target = engine.place(account, limit("SELL", "0.010", "101000.0", reduce_only=True))
    engine.place(account, market("SELL", "0.010"))
    assert target.status == "EXPIRED"
    assert not account.open_orders


def test_client_id_may_be_used_again_only_after_its_order_ended(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    order = engine.place(account, limit("BUY", "0.010", "99000.0", client_id="a"))
    assert refused(engine, account, limit("BUY", "0.010", "98000.0", client_id="a")) == -4116
    engine.cancel(account, order)
    newer = engine.place(account, limit("BUY", "0.010", "98000.0", client_id="a"))
    assert find_order(account.orders, "BTCUSDT", None, "a") is newer


def test_cancel_of_an_ended_order_is_refused(engine: UsdmEngine, account: UsdmAccount) -> None:
    order = engine.place(account, market("BUY", "0.010"))
    with pytest.raises(ExchangeError) as caught:
        engine.cancel(account, order)
    assert caught.value.code == -2011


def test_amended_order_moves_to_its_new_price(engine: UsdmEngine, account: UsdmAccount) -> None:
    order = engine.place(account, limit("BUY", "0.010", "99000.0"))
    engine.amend(account, order, D("0.020"), D("99500.0"))
    engine.on_price("BTCUSDT", D("99400.0"))
    assert (order.filled, order.average) == (D("0.020"), D("99500.0"))


def test_resting_orders_reserve_margin(engine: UsdmEngine, account: UsdmAccount) -> None:
    engine.set_leverage(account, "BTCUSDT", 1)
    engine.place(account, limit("BUY", "0.090", "99000.0"))
    assert refused(engine, account, limit("BUY", "0.020", "99000.0")) == -2019
