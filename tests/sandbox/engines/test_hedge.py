"""Hedge mode: a long and a short position of one symbol, each with its own orders."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.api.usdm.account_json import account_json, position_risk_json
from sandbox.audit.exchange_ledger import audit_ledger, audit_tables
from sandbox.audit.ledger import ExchangeLedger
from sandbox.audit.tables import TABLES
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import Income, UsdmAccount
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, in_words, limit, market, rest_exchange, stop

D = Decimal
BTC = "BTC/USDT:USDT"
LONG, SHORT = {"position_side": "LONG"}, {"position_side": "SHORT"}
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.fixture
def hedged(engine: UsdmEngine, account: UsdmAccount) -> UsdmAccount:
    """Return the engine's account in hedge mode, long 0.020 and short 0.010 BTCUSDT."""
    engine.set_hedge_mode(account, hedge=True)
    engine.place(account, market("BUY", "0.020", **LONG))
    engine.place(account, market("SELL", "0.010", **SHORT))
    engine.take_events()
    return account


def amounts(account: UsdmAccount) -> list[Decimal]:
    return [position.amount for position in account.positions_of("BTCUSDT")]


def test_both_sides_are_held_and_closed_independently(
    engine: UsdmEngine, hedged: UsdmAccount
) -> None:
    assert amounts(hedged) == [D("0.020"), D("-0.010")]
    engine.place(hedged, market("SELL", "0.005", **LONG))
    engine.place(hedged, market("BUY", "0.010", **SHORT))
    assert amounts(hedged) == [D("0.015"), D(0)]
    assert [(f.position_side, f.closed) for f in hedged.fills[2:]] == [
        ("LONG", D("0.005")), ("SHORT", D("0.010")),
    ]  # fmt: skip


def test_order_of_the_other_position_mode_is_refused(
    engine: UsdmEngine, hedged: UsdmAccount
) -> None:
    other = engine.open_account("other", {"USDT": D(10_000)})
    for account, request, code in [
        (hedged, market("BUY", "0.010"), -4061),
        (other, market("BUY", "0.010", **LONG), -4061),
        (hedged, market("SELL", "0.021", **LONG), -2022),
        (other, market("SELL", "0.010", reduce_only=True), -2022),
    ]:
        with pytest.raises(ExchangeError) as caught:
            engine.place(account, request)
        assert caught.value.code == code
    with pytest.raises(ExchangeError, match="-2022"):
        engine.place_algo(hedged, stop("BUY", "101000.0", **LONG))


def test_mode_changes_only_when_flat_and_without_orders(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.set_leverage(account, "BTCUSDT", 7)
    order = engine.place(account, limit("BUY", "0.010", "99000.0"))
    with pytest.raises(ExchangeError, match="-4067"):
        engine.set_hedge_mode(account, hedge=True)
    engine.cancel(account, order)
    engine.place(account, market("BUY", "0.010"))
    with pytest.raises(ExchangeError, match="-4068"):
        engine.set_hedge_mode(account, hedge=True)
    engine.place(account, market("SELL", "0.010"))
    with pytest.raises(ExchangeError, match="-4059"):
        engine.set_hedge_mode(account, hedge=False)
    engine.set_hedge_mode(account, hedge=True)
    assert [p.leverage for p in account.positions_of("BTCUSDT")] == [7, 7]
    engine.set_leverage(account, "BTCUSDT", 9)
    engine.set_hedge_mode(account, hedge=False)
    assert account.position("BTCUSDT").leverage == 9


def test_stop_of_one_side_leaves_the_other_open(engine: UsdmEngine, hedged: UsdmAccount) -> None:
    engine.place_algo(hedged, stop("SELL", "99000.0", **LONG))
    engine.place_algo(hedged, stop("BUY", "101000.0", **SHORT))
    engine.take_events()
    engine.on_price("BTCUSDT", D("98999.0"))
    assert amounts(hedged) == [D(0), D("-0.010")]
    assert in_words(engine.take_events())[:2] == ["algo TRIGGERING", "algo TRIGGERED"]
    assert [a.position_side for a in hedged.open_algos.values()] == ["SHORT"]
    engine.place(hedged, market("BUY", "0.010", **SHORT))
    assert not hedged.open_algos


def test_closing_limit_order_shrinks_with_its_side(engine: UsdmEngine, hedged: UsdmAccount) -> None:
    order = engine.place(hedged, limit("SELL", "0.020", "101000.0", **LONG))
    assert order.reduce_only
    engine.place(hedged, market("SELL", "0.015", **LONG))
    assert order.quantity == D("0.005")
    assert engine.amend(hedged, order, D("0.030"), D("102000.0")).quantity == D("0.005")
    engine.place(hedged, market("BUY", "0.010", **SHORT))
    assert order.open


def test_amended_reduce_only_order_never_reverses_a_position(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.010"))
    order = engine.place(account, limit("SELL", "0.010", "101000.0", reduce_only=True))
    engine.amend(account, order, D("0.050"), D("101500.0"))
    engine.on_price("BTCUSDT", D("102000.0"))
    assert account.position("BTCUSDT").amount == 0


def test_order_margin_belongs_to_the_side_of_its_orders(
    engine: UsdmEngine, hedged: UsdmAccount
) -> None:
    engine.place(hedged, limit("BUY", "0.010", "99000.0", **LONG))
    engine.place(hedged, limit("SELL", "0.020", "101000.0", **LONG))  # only closes: needs no margin
    engine.place(hedged, limit("SELL", "0.010", "102000.0", **SHORT))
    rows = [position_risk_json(engine.core, hedged, p) for p in hedged.positions_of("BTCUSDT")]
    assert [row["openOrderInitialMargin"] for row in rows] == ["49.50000000", "51.00000000"]
    assert [row["positionInitialMargin"] for row in rows] == ["100.00000000", "50.00000000"]
    assert [row["initialMargin"] for row in rows] == ["149.50000000", "101.00000000"]
    total = account_json(engine.core, hedged, 3)
    assert total["totalOpenOrderInitialMargin"] == "100.50000000"
    assert total["totalInitialMargin"] == "250.50000000"


@pytest.mark.parametrize("rising", [True, False])
def test_isolated_sides_are_liquidated_independently(
    engine: UsdmEngine, account: UsdmAccount, rising: bool
) -> None:
    engine.set_hedge_mode(account, hedge=True)
    engine.set_margin_type(account, "BTCUSDT", isolated=True)
    engine.set_leverage(account, "BTCUSDT", 50)
    engine.place(account, market("BUY", "0.100", **LONG))
    engine.place(account, market("SELL", "0.100", **SHORT))
    long, short = account.positions_of("BTCUSDT")
    low, high = (margin.liquidation_price(engine.core, account, p) for p in (long, short))
    assert low < D(100_000) < high
    paying, left = (short, long) if rising else (long, short)
    kept = left.isolated_wallet
    engine.on_price("BTCUSDT", (high + 1 if rising else low - 1).quantize(D("0.1")))
    assert (paying.amount, paying.isolated_wallet) == (0, 0)
    assert (abs(left.amount), left.isolated_wallet) == (D("0.100"), kept)


def test_funding_is_paid_on_one_side_and_received_on_the_other(
    engine: UsdmEngine, hedged: UsdmAccount
) -> None:
    before = hedged.wallet
    engine.apply_funding("BTCUSDT", D("0.001"))
    paid = [event.amount for event in engine.take_events() if isinstance(event, Income)]
    assert paid == [D("-2.00000000"), D("1.00000000")]
    assert hedged.wallet == before - 1


def margin_left(account: UsdmAccount, price: Decimal) -> Decimal:
    """Return how far cross margin exceeds its maintenance at a price."""
    held, rules = account.held("BTCUSDT"), BUILT_IN["BTCUSDT"]
    profit = sum((p.unrealised(price) for p in held), D(0))
    needed = sum((rules.maintenance(abs(p.amount) * price) for p in held), D(0))
    return account.cross_wallet + profit - needed


@pytest.mark.parametrize(("bought", "sold"), [("1.000", "0.200"), ("0.200", "1.000")])
def test_both_sides_in_cross_margin_are_liquidated_at_one_price(
    engine: UsdmEngine, account: UsdmAccount, bought: str, sold: str
) -> None:
    engine.set_hedge_mode(account, hedge=True)
    engine.set_leverage(account, "BTCUSDT", 50)
    engine.place(account, market("BUY", bought, **LONG))
    engine.place(account, market("SELL", sold, **SHORT))
    prices = {margin.liquidation_price(engine.core, account, p) for p in account.held("BTCUSDT")}
    (price,) = prices
    assert abs(margin_left(account, price)) < D("1e-12")
    tick = D("0.1")
    inside = price - price % tick + (tick if D(bought) > D(sold) else D(0))
    engine.on_price("BTCUSDT", inside)
    assert [bool(a) for a in amounts(account)] == [True, True]
    engine.on_price("BTCUSDT", inside + (-tick if D(bought) > D(sold) else tick))
    forced = [o for o in account.orders.values() if o.client_id.startswith("autoclose-")]
    assert forced[0].position_side == ("LONG" if D(bought) > D(sold) else "SHORT")
    assert account.wallet >= 0


SIDES = st.sampled_from([("BUY", "LONG"), ("SELL", "LONG"), ("SELL", "SHORT"), ("BUY", "SHORT")])
SIZES = st.integers(2, 400).map(lambda n: f"{D(n) / 1000}")
PRICES = st.integers(900_000, 1_100_000).map(lambda n: f"{D(n) / 10}")
ACTIONS = st.one_of(
    st.tuples(st.just("price"), PRICES),
    st.tuples(st.just("market"), SIDES, SIZES),
    st.tuples(st.just("limit"), SIDES, SIZES, PRICES),
    st.tuples(st.just("stop"), SIDES, PRICES),
    st.tuples(st.just("funding"), st.just("0.001")),
)


def act(engine: UsdmEngine, account: UsdmAccount, action: tuple[Any, ...]) -> None:
    kind, *rest = action
    if kind == "price":
        engine.on_price("BTCUSDT", D(rest[0]))
    elif kind == "funding":
        engine.apply_funding("BTCUSDT", D(rest[0]))
    else:
        (side, position), *values = rest
        more = {"position_side": position}
        if kind == "stop":
            engine.place_algo(account, stop(side, values[0], **more))
        else:
            make = market if kind == "market" else limit
            engine.place(account, make(side, *values, **more))


@settings(max_examples=25, deadline=None)
@given(st.booleans(), st.lists(ACTIONS, min_size=1, max_size=25))
def test_no_side_ever_reverses_and_the_audit_finds_nothing(
    isolated: bool,
    actions: list[tuple[Any, ...]],
) -> None:
    engine, ledger = UsdmEngine(BUILT_IN.values()), ExchangeLedger(None)
    engine.set_time(START)
    account = engine.open_account("main", {"USDT": D(10_000)})
    engine.on_price("BTCUSDT", D("100000.0"))
    engine.set_hedge_mode(account, hedge=True)
    if isolated:
        engine.set_margin_type(account, "BTCUSDT", isolated=True)
    for action in actions:
        with suppress(ExchangeError):
            act(engine, account, action)
        assert amounts(account)[0] >= 0 >= amounts(account)[1]
        for event in engine.take_events():
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
    assert account.wallet >= 0 or account.held("BTCUSDT")


async def test_ccxt_trades_in_hedge_mode_over_the_wire(serving: Serving, tmp_path: Path) -> None:
    ledger = tmp_path / "exchange.sqlite"
    async with serving(ledger=ledger) as server:
        client = rest_exchange(server.url)
        try:
            await client.load_markets()
            await client.set_position_mode(True)
            assert (await client.fetch_position_mode())["hedged"] is True
            for side, position in (("buy", "LONG"), ("sell", "SHORT")):
                await client.create_order(
                    BTC, "market", side, 0.01, None, {"positionSide": position}
                )
            rows = await client.fetch_positions([BTC])
            assert [(p["side"], p["contracts"], p["hedged"]) for p in rows] == [
                ("long", 0.01, True), ("short", 0.01, True),
            ]  # fmt: skip
            for text, more in (("-4061", {}), ("-1106", {"positionSide": "LONG", "reduceOnly": 1})):
                with pytest.raises(ccxt.ExchangeError, match=text):
                    await client.create_order(BTC, "market", "sell", 0.01, None, more)
            with pytest.raises(ccxt.ExchangeError, match="-4068"):
                await client.set_position_mode(False)
            stopping = {"positionSide": "LONG", "stopLossPrice": 98000, "closePosition": True}
            order = await client.create_order(BTC, "market", "sell", None, None, stopping)
            assert order["info"]["positionSide"] == "LONG"
            await client.create_order(BTC, "market", "sell", 0.01, None, {"positionSide": "LONG"})
            trades = await client.fetch_my_trades(BTC)
            assert [t["info"]["positionSide"] for t in trades] == ["LONG", "SHORT", "LONG"]
            assert (await client.fetch_open_orders(BTC, params={"trigger": True})) == []
        finally:
            await client.close()
    report = audit_ledger(ledger)
    assert (report.violations, report.open_positions) == ([], 1)


async def test_side_with_an_order_is_listed_and_an_empty_side_is_not(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        await rest.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        order = {"symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "quantity": "0.01"}
        resting = {"type": "LIMIT", "timeInForce": "GTC", "price": "96000"}
        _, placed = await rest.signed("POST", "/fapi/v1/order", **order, **resting)
        _, rows = await rest.signed("GET", "/fapi/v3/positionRisk")
        assert [
            (r["positionSide"], r["positionAmt"], r["openOrderInitialMargin"]) for r in rows
        ] == [("LONG", "0", "48.00000000")]
        await rest.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
        assert await rest.signed("GET", "/fapi/v3/positionRisk") == (200, [])


async def test_user_stream_names_the_side(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        await rest.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
        _, answer = await rest.plain("POST", "/fapi/v1/listenKey")
        socket = await session.ws_connect(
            f"{server.url.replace('http', 'ws')}/private/ws?listenKey={answer['listenKey']}"
        )
        order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01"}
        await rest.signed("POST", "/fapi/v1/order", **order, positionSide="SHORT")
        heard = [await socket.receive_json(timeout=5) for _ in range(4)]
        assert [m["o"]["ps"] for m in heard if m["e"] == "ORDER_TRADE_UPDATE"] == ["SHORT"] * 2
        (update,) = [m for m in heard if m["e"] == "ACCOUNT_UPDATE"]
        assert [(p["ps"], p["pa"]) for p in update["a"]["P"]] == [("SHORT", "-0.01")]
        _, rows = await rest.signed("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
        assert [row["positionSide"] for row in rows] == ["LONG", "SHORT"]
        _, refused = await rest.signed("POST", "/fapi/v1/order", **order, positionSide="UP")
        assert refused["code"] == -4060
