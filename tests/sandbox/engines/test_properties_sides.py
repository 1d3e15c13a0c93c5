"""Properties of every run of two accounts that trade with each other in both position modes."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.audit.exchange_ledger import audit_tables
from sandbox.audit.ledger import ExchangeLedger
from sandbox.audit.tables import TABLES
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.events import UsdmEvent
from sandbox.engines.usdm.model import UsdmAccount
from tests.sandbox.helpers import START, limit, market, stop

D = Decimal
ONE_WAY = st.sampled_from([("BUY", "BOTH"), ("SELL", "BOTH")])
BOTH_WAYS = st.sampled_from(
    [("BUY", "LONG"), ("SELL", "LONG"), ("SELL", "SHORT"), ("BUY", "SHORT")]
)
SIZES = st.integers(2, 400).map(lambda n: f"{D(n) / 1000}")
PRICES = st.integers(900_000, 1_100_000).map(lambda n: f"{D(n) / 10}")
# The first item chooses the account: "a" is in one-way mode, "b" in hedge mode.
SIDES = st.one_of(
    st.tuples(st.just("a"), ONE_WAY, st.booleans()),
    st.tuples(st.just("b"), BOTH_WAYS, st.just(False)),
)
ACTIONS = st.one_of(
    st.tuples(st.just("price"), PRICES),
    st.tuples(st.just("supply"), st.integers(0, 300).map(lambda n: D(n) / 1000)),
    st.tuples(st.just("funding"), st.sampled_from(["0.001", "-0.002"])),
    st.tuples(st.just("market"), SIDES, SIZES),
    st.tuples(st.just("limit"), SIDES, SIZES, PRICES),
    st.tuples(st.just("stop"), SIDES, PRICES),
    st.tuples(st.just("amend"), st.sampled_from("ab"), st.integers(0, 3), SIZES, PRICES),
    st.tuples(st.just("leverage"), st.sampled_from("ab"), st.sampled_from([5, 20, 50, 100])),
    st.tuples(st.just("cancel"), st.sampled_from("ab")),
)
RUNS = st.tuples(st.booleans(), st.lists(ACTIONS, min_size=1, max_size=30))
Run = tuple[bool, list[tuple[Any, ...]]]


def opened(isolated: bool) -> UsdmEngine:
    engine = UsdmEngine(BUILT_IN.values())
    engine.set_time(START)
    engine.on_price("BTCUSDT", D("100000.0"))
    for name in "ab":
        account = engine.open_account(name, {"USDT": D(10_000)})
        if name == "b":
            engine.set_hedge_mode(account, hedge=True)
        if isolated:
            engine.set_margin_type(account, "BTCUSDT", isolated=True)
    return engine


def act(engine: UsdmEngine, action: tuple[Any, ...]) -> None:
    """Do one action; a refusal must leave no trace."""
    kind, first, *rest = action
    before = len(engine.core.events)
    try:
        match kind:
            case "price":
                engine.on_price("BTCUSDT", D(first))
            case "supply":
                engine.supply("BTCUSDT", first)
            case "funding":
                engine.apply_funding("BTCUSDT", D(first))
            case "amend":
                account, (place, size, price) = engine.core.accounts[first], rest
                found = list(account.open_orders.values())[place : place + 1]
                engine.amend(account, found[0] if found else None, D(size), D(price))
            case "leverage":
                engine.set_leverage(engine.core.accounts[first], "BTCUSDT", rest[0])
            case "cancel":
                engine.cancel_all(engine.core.accounts[first], "BTCUSDT")
            case _:
                name, (side, position), reducing = first
                account, more = engine.core.accounts[name], {"position_side": position}
                if kind == "stop":
                    engine.place_algo(account, stop(side, rest[0], **more))
                else:
                    make = market if kind == "market" else limit
                    engine.place(account, make(side, *rest, reduce_only=reducing, **more))
    except ExchangeError:
        assert len(engine.core.events) == before


def play(engine: UsdmEngine, actions: list[tuple[Any, ...]], begin: int = 0) -> list[UsdmEvent]:
    events = []
    for number, action in enumerate(actions, start=begin):
        engine.set_time(START + number)
        act(engine, action)
        for account in engine.core.accounts.values():
            check(account)
        events += engine.take_events()
    return events


def check(account: UsdmAccount) -> None:
    """Check that no side has reversed and that cash matches the trades."""
    for position in account.positions.values():
        side = {"LONG": 1, "SHORT": -1}.get(position.side, 0)
        assert position.amount * side >= 0
        mine = [f for f in account.fills if f.position_side == position.side]
        sign = [1 if f.side == "BUY" else -1 for f in mine]
        held = sum((s * f.quantity for s, f in zip(sign, mine, strict=True)), D(0))
        paid = sum((s * f.quantity * f.price for s, f in zip(sign, mine, strict=True)), D(0))
        realised = sum((f.realised for f in mine), D(0))
        assert (position.amount, position.cost) == (held, paid + realised)
        assert position.amount or not position.isolated_wallet
    assert account.wallet == sum((income.amount for income in account.incomes), D(0))
    fees = sum((f.fee for f in account.fills), D(0))
    assert fees == -sum((i.amount for i in account.incomes if i.kind == "COMMISSION"), D(0))


@settings(max_examples=25, deadline=None)
@given(RUNS)
def test_cash_and_sides_add_up_at_each_moment_and_the_audit_finds_nothing(run: Run) -> None:
    isolated, actions = run
    engine, ledger = opened(isolated), ExchangeLedger(None)
    for event in [*engine.take_events(), *play(engine, actions)]:
        ledger.write(event, 0)
    tables = {
        table: [
            dict(zip(("seq", "market_ms", "wall_ms", *columns), row, strict=True))
            for row in ledger.rows(table)
        ]
        for table, columns in TABLES.items()
    }
    ledger.close()
    assert audit_tables(tables).violations == []


@settings(max_examples=20, deadline=None)
@given(RUNS)
def test_reducing_orders_never_open_and_no_fill_exceeds_its_order(run: Run) -> None:
    engine = opened(run[0])
    play(engine, run[1])
    for account in engine.core.accounts.values():
        reducing = {o.order_id for o in account.orders.values() if o.reduce_only}
        assert all(not f.opened for f in account.fills if f.order_id in reducing)
        for order in account.orders.values():
            mine = [f.quantity for f in account.fills if f.order_id == order.order_id]
            assert order.filled == sum(mine, D(0)) <= order.quantity


@settings(max_examples=20, deadline=None)
@given(RUNS, st.integers(0, 30))
def test_run_from_a_restored_state_equals_the_uninterrupted_one(run: Run, cut: int) -> None:
    isolated, actions = run
    straight, resumed = opened(isolated), opened(isolated)
    play(straight, actions[:cut])
    play(resumed, actions[:cut])
    resumed.thaw(resumed.freeze())
    assert play(straight, actions[cut:], cut) == play(resumed, actions[cut:], cut)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.sampled_from([5, 20, 50]), st.booleans())
def test_margin_of_both_sides_is_used_up_at_their_liquidation_price(
    bought: str, sold: str, leverage: int, isolated: bool
) -> None:
    engine = opened(isolated)
    account = engine.core.accounts["b"]
    engine.set_leverage(account, "BTCUSDT", leverage)
    for side, size, position in (("BUY", bought, "LONG"), ("SELL", sold, "SHORT")):
        with suppress(ExchangeError):
            engine.place(account, market(side, size, position_side=position))
    held, rules = account.held("BTCUSDT"), BUILT_IN["BTCUSDT"]
    for group in [[p] for p in held] if isolated else [held]:
        prices = {margin.liquidation_price(engine.core, account, p) for p in group}
        assert len(prices) <= 1
        for price in prices - {D(0)}:
            balance = group[0].isolated_wallet if isolated else account.cross_wallet
            left = balance + sum((p.unrealised(price) for p in group), D(0))
            needed = sum((rules.maintenance(abs(p.amount) * price) for p in group), D(0))
            assert abs(left - needed) < D("0.00000001")
