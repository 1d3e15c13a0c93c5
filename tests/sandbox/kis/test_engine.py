"""The engine of Korean stocks: steps, limits, sessions, and money that is neither made nor lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.kis.calendar import TradingCalendar, day_of
from sandbox.engines.kis.engine import KisEngine, OrderForm, stock_instrument
from sandbox.engines.kis.price_limits import LADDER, limits
from sandbox.engines.spot.model import SpotAccount, SpotOrderRequest
from tests.sandbox.kis.conftest import FRIDAY
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

D = Decimal
STOCK = "005930"
BASE = D(60_000)
DEPOSITS = {"KRW": D(10_000_000), STOCK: D(50)}
DAYS = tuple(day_of(FRIDAY) + offset for offset in (-1, 0, 3, 4))
CALENDAR = TradingCalendar(DAYS, {STOCK: tuple((day, BASE) for day in DAYS)})


@pytest.mark.parametrize(
    ("price", "step"),
    [
        ("1999", "1"), ("2000", "5"), ("4995", "5"), ("5000", "10"), ("19990", "10"),
        ("20000", "50"), ("49950", "50"), ("50000", "100"), ("199900", "100"), ("200000", "500"),
        ("499500", "500"), ("500000", "1000"),
    ],
)  # fmt: skip
def test_step_of_each_band(price: str, step: str) -> None:
    assert LADDER.step(D(price)) == D(step)


@pytest.mark.parametrize(
    ("base", "low", "high"),
    [("60000", "42000", "78000"), ("49950", "35000", "64900"), ("1995", "1397", "2590")],
)
def test_limits_are_thirty_percent_on_the_grid(base: str, low: str, high: str) -> None:
    assert limits(D(base)) == (D(low), D(high))


@pytest.mark.parametrize(
    ("time", "phase"),
    [
        (FRIDAY - 1, "before"), (FRIDAY, "open"), (FRIDAY + 6 * HOUR_MS, "open"),
        (FRIDAY + 6 * HOUR_MS + 30 * MINUTE_MS, "after"), (FRIDAY + DAY_MS, "holiday"),
        (FRIDAY + 2 * DAY_MS, "holiday"), (FRIDAY + 3 * DAY_MS, "open"),
        (FRIDAY + 7 * DAY_MS, "open"),
    ],
)  # fmt: skip
def test_phases_of_days(time: int, phase: str) -> None:
    assert CALENDAR.phase(time) == phase


def test_weekday_without_a_trade_inside_the_recording_is_a_holiday() -> None:
    days = (DAYS[1], DAYS[3])
    assert TradingCalendar(days, {}).phase(FRIDAY + 3 * DAY_MS) == "holiday"


ORDERS = st.tuples(
    st.sampled_from(["one", "two"]),
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["LIMIT", "IOC", "FOK", "MARKET", "STOP", "AMEND", "PART", "CANCEL"]),
    st.integers(-6, 6),
    st.integers(1, 80),
)
MOVES = st.integers(-8, 8)
STEPS = st.lists(st.one_of(ORDERS, MOVES, st.just("night")), max_size=40)


def request(side: str, kind: str, price: Decimal, size: int) -> SpotOrderRequest:
    quantity = D(size)
    if kind == "MARKET":
        return SpotOrderRequest(STOCK, side, kind, quantity=quantity)
    if kind == "STOP":
        return SpotOrderRequest(
            STOCK, side, "STOP_LOSS_LIMIT", quantity=quantity, price=price, stop_price=price
        )
    tif = kind if kind in ("IOC", "FOK") else "GTC"
    return SpotOrderRequest(
        STOCK, side, "LIMIT", quantity=quantity, price=price, tif=tif, prevention="NONE"
    )


def act(engine: KisEngine, price: Decimal, step: Any) -> Decimal:
    if step == "night":
        engine.set_time(engine.core.now + DAY_MS)
        return price
    if isinstance(step, int):
        price = LADDER.floor(max(D(42_100), min(D(77_900), price + step * 100)))
        engine.on_price(STOCK, price)
        return price
    name, side, kind, away, size = step
    account = engine.core.accounts[name]
    target = LADDER.floor(price + away * 100)
    first = next(iter(account.open_orders.values()), None)
    try:
        if kind in ("PART", "CANCEL") and first is not None:
            engine.cancel_part(account, first, D(size) if kind == "PART" else None)
        elif kind == "AMEND" and first is not None:
            quantity = min(size, int(first.remaining))
            engine.amend(account, first, request(first.side, "LIMIT", target, quantity), "00")
        elif kind not in ("PART", "CANCEL", "AMEND"):
            engine.place(account, request(side, kind, target, size), OrderForm("00"))
    except ExchangeError:
        pass
    return price


def check(account: SpotAccount) -> None:
    sign = {"BUY": 1, "SELL": -1}
    bought = sum((sign[f.side] * f.quantity for f in account.fills), D(0))
    spent = sum((sign[f.side] * f.quantity * f.price + f.fee for f in account.fills), D(0))
    assert account.totals[STOCK] == DEPOSITS[STOCK] + bought
    assert account.totals["KRW"] == DEPOSITS["KRW"] - spent
    assert account.totals["KRW"] % 1 == 0
    for asset in DEPOSITS:
        reserved = sum((amount for a, amount in account.reserved.values() if a == asset), D(0))
        assert account.locked[asset] == reserved >= 0
        assert account.free(asset) >= 0


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_balances_are_deposits_and_trades_and_never_negative(steps: list[Any]) -> None:
    engine = KisEngine([stock_instrument(STOCK, BASE)], CALENDAR)
    engine.set_time(FRIDAY)
    for name in ("one", "two"):
        engine.open_account(name, DEPOSITS)
    engine.set_price(STOCK, BASE)
    price = BASE
    for step in steps:
        price = act(engine, price, step)
        for account in engine.core.accounts.values():
            check(account)
            assert all(o.filled <= o.quantity for o in account.orders.values())
    fills = [f for a in engine.core.accounts.values() for f in a.fills]
    by_trade: dict[int, list[Decimal]] = {}
    for fill in fills:
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        by_trade.setdefault(fill.trade_id, []).append(signed)
    outside = sum((sum(pair) for pair in by_trade.values() if len(pair) == 1), D(0))
    assert all(sum(pair) == 0 for pair in by_trade.values() if len(pair) == 2)
    held = sum((a.totals[STOCK] for a in engine.core.accounts.values()), D(0))
    assert held == 2 * DEPOSITS[STOCK] + outside
