"""Money is neither made nor lost in KRW markets, whatever is ordered and wherever prices go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.spot.model import SpotAccount, SpotOrderRequest
from sandbox.engines.upbit.engine import UpbitEngine, krw_instrument

D = Decimal
BTC = "KRW-BTC"
START = D(100_000_000)
DEPOSITS = {"KRW": D(10_000_000), "BTC": D("0.1")}

ORDERS = st.tuples(
    st.sampled_from(["one", "two"]),
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["LIMIT", "LIMIT_MAKER", "MARKET", "COST", "CANCEL"]),
    st.integers(-5, 5),
    st.integers(1, 60_000_000),
)
MOVES = st.integers(-6, 6)
STEPS = st.lists(st.one_of(ORDERS, MOVES), max_size=40)


def request(side: str, kind: str, price: Decimal, size: int) -> SpotOrderRequest:
    quantity = D(size) / 100_000_000
    if kind == "COST":
        return SpotOrderRequest(BTC, side, "MARKET", quote=D(size))
    if kind == "MARKET":
        return SpotOrderRequest(BTC, side, "MARKET", quantity=quantity)
    return SpotOrderRequest(BTC, side, kind, quantity=quantity, price=price)


def act(engine: UpbitEngine, price: Decimal, step: Any) -> Decimal:
    if isinstance(step, int):
        price += step * 1_000
        engine.on_price(BTC, price)
        return price
    name, side, kind, away, size = step
    account = engine.core.accounts[name]
    try:
        if kind == "CANCEL":
            engine.cancel(account, next(iter(account.open_orders.values()), None))
        elif not (kind == "COST" and side == "SELL"):
            engine.place(account, request(side, kind, price + away * 1_000, size))
    except ExchangeError:
        pass
    return price


def check(account: SpotAccount) -> None:
    sign = {"BUY": 1, "SELL": -1}
    bought = sum((sign[f.side] * f.quantity for f in account.fills), D(0))
    spent = sum((sign[f.side] * f.quantity * f.price + f.fee for f in account.fills), D(0))
    assert account.totals["BTC"] == DEPOSITS["BTC"] + bought
    assert account.totals["KRW"] == DEPOSITS["KRW"] - spent
    for asset in DEPOSITS:
        reserved = sum((amount for a, amount in account.reserved.values() if a == asset), D(0))
        assert account.locked[asset] == reserved >= 0
        assert account.free(asset) >= 0


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_balances_are_deposits_and_trades_and_never_negative(steps: list[Any]) -> None:
    engine = UpbitEngine([krw_instrument(BTC, START)])
    for name in ("one", "two"):
        engine.open_account(name, DEPOSITS)
    engine.set_price(BTC, START)
    price = START
    for step in steps:
        price = act(engine, price, step)
        for account in engine.core.accounts.values():
            check(account)
    held = [a.totals["BTC"] for a in engine.core.accounts.values()]
    own = [f for a in engine.core.accounts.values() for f in a.fills]
    pairs = {f.trade_id for f in own}
    both = {i for i in pairs if sum(f.trade_id == i for f in own) == 2}
    outside = sum(
        (f.quantity * (1 if f.side == "BUY" else -1) for f in own if f.trade_id not in both), D(0)
    )
    assert sum(held, D(0)) == 2 * DEPOSITS["BTC"] + outside
