"""Conditional orders: triggers, close-position stops, trailing stops, refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.requests import AlgoOrderRequest
from tests.sandbox.helpers import in_words, limit, market, stop

D = Decimal


def refused(engine: UsdmEngine, account: UsdmAccount, request: AlgoOrderRequest) -> int:
    with pytest.raises(ExchangeError) as caught:
        engine.place_algo(account, request)
    return caught.value.code


def trailing(side: str, rate: str, **more: object) -> AlgoOrderRequest:
    values = {"quantity": D("0.010"), "reduce_only": True, "callback_rate": D(rate), **more}
    return AlgoOrderRequest("BTCUSDT", side, "TRAILING_STOP_MARKET", **values)  # type: ignore[arg-type]


def test_stop_fires_at_its_trigger_and_not_before(engine: UsdmEngine, account: UsdmAccount) -> None:
    engine.place(account, market("BUY", "0.010"))
    algo = engine.place_algo(account, stop("SELL", "99000.0"))
    engine.on_price("BTCUSDT", D("99000.1"))
    assert algo.status == "NEW"
    engine.on_price("BTCUSDT", D("99000.0"))
    assert algo.status == "FINISHED"
    assert account.fills[-1].price == D("98999.9")
    assert account.position("BTCUSDT").amount == 0


def test_triggered_stop_publishes_its_states_in_the_order_of_the_exchange(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    engine.take_events()
    engine.place_algo(account, stop("SELL", "99000.0", client_id="n1-stop"))
    engine.on_price("BTCUSDT", D("98500.0"))
    events = engine.take_events()
    assert in_words(events) == [
        "algo NEW",
        "algo TRIGGERING",
        "algo TRIGGERED",
        "order NEW",
        "order TRADE",
        "algo FINISHED",
    ]
    child = next(iter(reversed(account.orders.values())))
    assert (child.client_id, child.orig_type) == ("n1-stop", "STOP_MARKET")
    finished = events[-1]
    assert finished.algo.child_id == child.order_id  # type: ignore[union-attr]
    assert finished.algo.actual_quantity == D("0.010")  # type: ignore[union-attr]


def test_close_position_stop_expires_when_the_position_goes_flat(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    algo = engine.place_algo(account, stop("SELL", "99000.0"))
    engine.place(account, market("SELL", "0.010", reduce_only=True))
    assert algo.status == "EXPIRED"
    assert not account.open_algos


def test_take_profit_of_a_long_fires_above_the_price(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    profit = AlgoOrderRequest(
        "BTCUSDT",
        "SELL",
        "TAKE_PROFIT_MARKET",
        trigger_price=D("101000.0"),
        close_position=True,
    )
    algo = engine.place_algo(account, profit)
    stopping = engine.place_algo(account, stop("SELL", "99000.0"))
    engine.on_price("BTCUSDT", D("101000.0"))
    assert (algo.status, stopping.status) == ("FINISHED", "EXPIRED")
    assert account.position("BTCUSDT").realised == D("9.99800000")


def test_stop_that_would_trigger_at_once_is_refused(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    assert refused(engine, account, stop("SELL", "100000.0")) == -2021
    assert refused(engine, account, stop("BUY", "99999.0")) == -2021


def test_second_close_position_stop_on_a_side_is_refused(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place_algo(account, stop("SELL", "99000.0"))
    assert refused(engine, account, stop("SELL", "98000.0")) == -4130


def test_stop_cannot_reuse_the_client_id_of_an_open_order(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, limit("BUY", "0.010", "99000.0", client_id="same"))
    assert refused(engine, account, stop("SELL", "98000.0", client_id="same")) == -4116


def test_reduce_only_stop_without_a_position_is_rejected_when_it_fires(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    request = stop("SELL", "99000.0", close_position=False, quantity=D("0.010"), reduce_only=True)
    algo = engine.place_algo(account, request)
    engine.take_events()
    engine.on_price("BTCUSDT", D("98000.0"))
    assert in_words(engine.take_events()) == ["algo TRIGGERING", "algo REJECTED"]
    assert algo.reject_reason == "ReduceOnly Order is rejected."
    assert account.position("BTCUSDT").amount == 0


def test_stop_limit_child_rests_at_its_price(engine: UsdmEngine, account: UsdmAccount) -> None:
    engine.place(account, market("BUY", "0.010"))
    request = AlgoOrderRequest(
        "BTCUSDT",
        "SELL",
        "STOP",
        quantity=D("0.010"),
        price=D("99500.0"),
        trigger_price=D("99000.0"),
        reduce_only=True,
    )
    algo = engine.place_algo(account, request)
    engine.on_price("BTCUSDT", D("99000.0"))
    assert algo.status == "TRIGGERED"
    engine.on_price("BTCUSDT", D("99600.0"))
    assert (algo.status, algo.actual_price) == ("FINISHED", D("99500.0"))


def test_trailing_stop_follows_the_high_and_fires_on_the_pullback(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    algo = engine.place_algo(account, trailing("SELL", "1"))
    engine.on_price("BTCUSDT", D("110000.0"))
    engine.on_price("BTCUSDT", D("108900.1"))
    assert algo.status == "NEW"
    engine.on_price("BTCUSDT", D("108900.0"))
    assert algo.status == "FINISHED"


def test_trailing_stop_is_inactive_until_its_activation_price(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    algo = engine.place_algo(account, trailing("SELL", "1", activate_price=D("105000.0")))
    engine.on_price("BTCUSDT", D("97000.0"))
    assert (algo.status, algo.activated) == ("NEW", False)
    engine.on_price("BTCUSDT", D("105000.0"))
    assert algo.activated
    engine.on_price("BTCUSDT", D("103950.0"))
    assert algo.status == "FINISHED"
