"""Margin modes, leverage, funding and liquidation."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.events import OrderChanged
from sandbox.engines.usdm.model import UsdmAccount
from tests.sandbox.helpers import limit, market, stop

D = Decimal


def isolated_long(engine: UsdmEngine, account: UsdmAccount, leverage: int) -> None:
    engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.set_leverage(account, "BTCUSDT", leverage)
    engine.place(account, market("BUY", "0.100"))


def test_isolated_position_holds_its_initial_margin(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    isolated_long(engine, account, 10)
    assert account.position("BTCUSDT").isolated_wallet == D("1000.00100000")
    fee = D("5.00000500")
    assert account.cross_wallet == D(10_000) - fee - D("1000.00100000")


def test_isolated_liquidation_price_equals_the_formula(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    isolated_long(engine, account, 10)
    # (1000.001 + 0 − 0.1 × 100000.1) / (0.1 × 0.004 − 0.1)
    expected = (D("1000.001") - D("10000.01")) / (D("0.0004") - D("0.1"))
    price = margin.liquidation_price(engine.core, account, account.position("BTCUSDT"))
    assert price == expected
    assert round(price, 2) == D("90361.54")


def test_liquidation_price_of_a_short_is_above_its_entry(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.set_leverage(account, "BTCUSDT", 10)
    engine.place(account, market("SELL", "0.100"))
    expected = (D("999.999") + D("9999.99")) / (D("0.0004") + D("0.1"))
    price = margin.liquidation_price(engine.core, account, account.position("BTCUSDT"))
    assert price == expected


def test_liquidation_price_uses_the_bracket_at_that_price(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.core.credit(account, "TRANSFER", D(1_000_000))
    engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.set_leverage(account, "BTCUSDT", 5)
    engine.place(account, market("BUY", "3.200"))
    position = account.position("BTCUSDT")
    # 320 000 is in the second bracket; at the liquidation price it is in the first.
    wallet, cost = position.isolated_wallet, D("3.2") * D("100000.1")
    expected = (wallet - cost) / (D("3.2") * D("0.004") - D("3.2"))
    assert margin.liquidation_price(engine.core, account, position) == expected


def test_position_is_liquidated_at_its_price_and_not_before(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    isolated_long(engine, account, 10)
    algo = engine.place_algo(account, stop("SELL", "80000.0"))
    engine.on_price("BTCUSDT", D("90361.6"))
    assert account.position("BTCUSDT").amount == D("0.100")
    engine.take_events()
    engine.on_price("BTCUSDT", D("90361.5"))
    assert account.position("BTCUSDT").amount == 0
    executions = [
        (event.execution, event.order.client_id[:10])
        for event in engine.take_events()
        if isinstance(event, OrderChanged)
    ]
    assert executions == [("NEW", "autoclose-"), ("CALCULATED", "autoclose-")]
    assert algo.status == "EXPIRED"
    # The loss is exactly the position's margin: what is left of it pays the liquidation fee.
    assert account.wallet == D(10_000) - D("5.00000500") - D("1000.00100000")


def test_gap_through_the_liquidation_is_paid_by_the_insurance_fund(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    isolated_long(engine, account, 10)
    engine.on_price("BTCUSDT", D("60000.0"))
    kinds = {income.kind: income.amount for income in account.incomes}
    assert kinds["INSURANCE_CLEAR"] == D("3000.00900000")
    assert account.wallet == D(10_000) - D("5.00000500") - D("1000.00100000")


def test_cross_position_is_liquidated_when_the_whole_wallet_is_used(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.set_leverage(account, "BTCUSDT", 20)
    engine.place(account, market("BUY", "1.000"))
    price = margin.liquidation_price(engine.core, account, account.position("BTCUSDT"))
    engine.on_price("BTCUSDT", price.quantize(D("0.1")) + D("0.1"))
    assert account.position("BTCUSDT").amount == D("1.000")
    engine.on_price("BTCUSDT", price.quantize(D("0.1")) - D("0.1"))
    assert account.position("BTCUSDT").amount == 0
    assert D(0) <= account.wallet < D(500)


def test_long_pays_funding_when_the_rate_is_positive(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.100"))
    before = account.wallet
    engine.apply_funding("BTCUSDT", D("0.0001"))
    assert account.wallet - before == D("-1.00000000")
    engine.apply_funding("BTCUSDT", D("-0.0002"))
    assert account.wallet - before == D("1.00000000")


def test_margin_type_cannot_change_under_a_position_or_order(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    order = engine.place(account, limit("BUY", "0.010", "99000.0"))
    with pytest.raises(ExchangeError, match="-4047"):
        engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.cancel(account, order)
    engine.place(account, market("BUY", "0.010"))
    with pytest.raises(ExchangeError, match="-4048"):
        engine.set_margin_type(account, "BTCUSDT", isolated=True)
    with pytest.raises(ExchangeError, match="-4046"):
        engine.set_margin_type(account, "BTCUSDT", isolated=False)


def test_leverage_beyond_the_brackets_is_refused(engine: UsdmEngine, account: UsdmAccount) -> None:
    with pytest.raises(ExchangeError, match="-4028"):
        engine.set_leverage(account, "BTCUSDT", 126)
    isolated_long(engine, account, 10)
    with pytest.raises(ExchangeError, match="-4161"):
        engine.set_leverage(account, "BTCUSDT", 5)


def test_position_larger_than_its_leverage_allows_is_refused(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.core.credit(account, "TRANSFER", D(1_000_000))
    engine.set_leverage(account, "BTCUSDT", 125)
    with pytest.raises(ExchangeError, match="-2027"):
        engine.place(account, market("BUY", "4.000"))
