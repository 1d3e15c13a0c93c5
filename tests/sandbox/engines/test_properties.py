"""Properties that hold for every sequence of orders and prices."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.audit.exchange_ledger import audit_tables
from sandbox.audit.ledger import ExchangeLedger
from sandbox.audit.tables import TABLES
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.requests import AlgoOrderRequest, UsdmOrderRequest
from tests.sandbox.helpers import START

D = Decimal
SIDES = st.sampled_from(["BUY", "SELL"])
QUANTITIES = st.integers(2, 900).map(lambda n: D(n) / 1000)
PRICES = st.integers(850_000, 1_150_000).map(lambda n: D(n) / 10)
RATES = st.integers(-30, 30).map(lambda n: D(n) / 10_000)
ACTIONS = st.one_of(
    st.tuples(st.just("price"), PRICES),
    st.tuples(st.just("market"), SIDES, QUANTITIES, st.booleans()),
    st.tuples(st.just("limit"), SIDES, QUANTITIES, PRICES, st.sampled_from(["GTC", "IOC", "GTX"])),
    st.tuples(st.just("stop"), SIDES, PRICES, st.booleans(), QUANTITIES),
    st.tuples(st.just("trailing"), SIDES, QUANTITIES, st.integers(1, 50)),
    st.tuples(st.just("funding"), RATES),
    st.tuples(st.just("cancel_all")),
)
Scenario = tuple[bool, int, list[tuple[object, ...]]]
SCENARIOS = st.tuples(
    st.booleans(), st.sampled_from([1, 5, 20, 100]), st.lists(ACTIONS, min_size=1, max_size=40)
)


def act(engine: UsdmEngine, account: UsdmAccount, action: tuple[object, ...]) -> None:
    """Do one action; a refusal must leave no trace."""
    before = len(engine.core.events)
    try:
        match action:
            case ("price", Decimal() as price):
                engine.on_price("BTCUSDT", price)
            case ("market", str() as side, Decimal() as quantity, bool() as reducing):
                order = UsdmOrderRequest("BTCUSDT", side, "MARKET", quantity, reduce_only=reducing)
                engine.place(account, order)
            case ("limit", str() as side, Decimal() as quantity, Decimal() as price, str() as tif):
                engine.place(
                    account, UsdmOrderRequest("BTCUSDT", side, "LIMIT", quantity, price, tif)
                )
            case ("stop", str() as side, Decimal() as price, bool() as closing, Decimal() as size):
                quantity = D(0) if closing else size
                request = AlgoOrderRequest(
                    "BTCUSDT", side, "STOP_MARKET", quantity, trigger_price=price
                )
                request = AlgoOrderRequest(
                    **{name: getattr(request, name) for name in AlgoOrderRequest.__slots__}
                    | {"close_position": closing}
                )
                engine.place_algo(account, request)
            case ("trailing", str() as side, Decimal() as quantity, int() as tenths):
                kind = "TRAILING_STOP_MARKET"
                rate = D(tenths) / 10
                engine.place_algo(
                    account, AlgoOrderRequest("BTCUSDT", side, kind, quantity, callback_rate=rate)
                )
            case ("funding", Decimal() as rate):
                engine.apply_funding("BTCUSDT", rate)
            case _:
                engine.cancel_all(account, "BTCUSDT")
    except ExchangeError:
        assert len(engine.core.events) == before


def play(scenario: Scenario) -> tuple[UsdmEngine, ExchangeLedger]:
    """Run a scenario with a ledger; wall time stands still."""
    isolated, leverage, actions = scenario
    engine, ledger = UsdmEngine(BUILT_IN.values()), ExchangeLedger(None)
    engine.set_time(START)
    account = engine.open_account("main", {"USDT": D(10_000)})
    engine.on_price("BTCUSDT", D("100000.0"))
    if isolated:
        engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.set_leverage(account, "BTCUSDT", leverage)
    for number, action in enumerate(actions):
        engine.set_time(START + number)
        act(engine, account, action)
        for event in engine.take_events():
            ledger.write(event, 0)
    return engine, ledger


def contents(ledger: ExchangeLedger) -> dict[str, list[tuple[object, ...]]]:
    return {table: ledger.rows(table) for table in TABLES}


@settings(max_examples=60, deadline=None)
@given(SCENARIOS)
def test_money_is_neither_created_nor_lost(scenario: Scenario) -> None:
    engine, ledger = play(scenario)
    account = engine.core.accounts["main"]
    fills = account.fills
    realised = sum((fill.realised for fill in fills), D(0))
    fees = sum((fill.fee for fill in fills), D(0))
    other = sum(
        (i.amount for i in account.incomes if i.kind not in ("REALIZED_PNL", "COMMISSION")), D(0)
    )
    assert account.wallet == realised - fees + other
    # Cash that went into the market is either profit or still in the position.
    paid = sum((f.price * f.quantity * (1 if f.side == "BUY" else -1) for f in fills), D(0))
    assert paid + realised == account.position("BTCUSDT").cost
    ledger.close()


@settings(max_examples=60, deadline=None)
@given(SCENARIOS)
def test_ledger_of_any_run_passes_its_audit(scenario: Scenario) -> None:
    _, ledger = play(scenario)
    tables = {
        table: [
            dict(zip(("seq", "market_ms", "wall_ms", *columns), row, strict=True))
            for row in ledger.rows(table)
        ]
        for table, columns in TABLES.items()
    }
    assert audit_tables(tables).violations == []
    ledger.close()


@settings(max_examples=30, deadline=None)
@given(SCENARIOS)
def test_same_requests_give_the_same_ledger(scenario: Scenario) -> None:
    (_, first), (_, second) = play(scenario), play(scenario)
    assert contents(first) == contents(second)
    first.close()
    second.close()


@settings(max_examples=60, deadline=None)
@given(SCENARIOS)
def test_no_order_fills_beyond_its_quantity_and_no_account_owes(scenario: Scenario) -> None:
    engine, ledger = play(scenario)
    account = engine.core.accounts["main"]
    assert all(D(0) <= order.filled <= order.quantity for order in account.orders.values())
    assert all(order.open for order in account.open_orders.values())
    position = account.position("BTCUSDT")
    if not position.amount:
        assert position.isolated_wallet == 0
        assert account.wallet >= 0
    ledger.close()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["BUY", "SELL"]), st.sampled_from([5, 10, 20]), st.integers(10, 900))
def test_isolated_margin_is_exactly_used_up_at_the_liquidation_price(
    side: str, leverage: int, thousandths: int
) -> None:
    engine, ledger = play((True, leverage, [("market", side, D(thousandths) / 1000, False)]))
    account = engine.core.accounts["main"]
    position = account.position("BTCUSDT")
    if not position.amount:
        return
    price = margin.liquidation_price(engine.core, account, position)
    left = position.isolated_wallet + position.unrealised(price)
    needed = BUILT_IN["BTCUSDT"].maintenance(abs(position.amount) * price)
    assert abs(left - needed) < D("0.00000001")
    ledger.close()


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.integers(10, 900), st.integers(40, 9_000), st.integers(-900, 900))
def test_cross_margin_is_exactly_used_up_at_the_liquidation_price(
    side: str, other: str, thousandths: int, ether: int, moved: int
) -> None:
    engine, ledger = play((False, 20, [("market", side, D(thousandths) / 1000, False)]))
    ledger.close()
    account = engine.core.accounts["main"]
    engine.on_price("ETHUSDT", D("2500.00"))
    with suppress(ExchangeError):
        engine.place(account, UsdmOrderRequest("ETHUSDT", other, "MARKET", D(ether) / 1000))
    engine.on_price("ETHUSDT", D("2500.00") + D(moved) / 10)
    position, beside = account.position("BTCUSDT"), account.position("ETHUSDT")
    price = margin.liquidation_price(engine.core, account, position)
    if not position.amount or not price:
        return
    left = account.wallet + position.unrealised(price) + margin.unrealised(engine.core, beside)
    needed = BUILT_IN["BTCUSDT"].maintenance(abs(position.amount) * price)
    needed += margin.maintenance(engine.core, beside)
    assert abs(left - needed) < D("0.00000001")
