"""Each client goes through all spot orders, and all three see the same account afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.spot_traders import CLIENTS, Trader, spot_trader

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
CONDITIONAL: dict[str, dict[str, Any]] = {
    "stop": {"kind": "STOP_LOSS", "stopPrice": 96_000.0},
    "profit": {"kind": "TAKE_PROFIT", "stopPrice": 103_000.0},
    "trail": {"kind": "STOP_LOSS", "trailingDelta": 200},
}


async def refused(text: str, action: Any) -> None:
    """Expect the client to raise an error with the exchange's code or text."""
    with pytest.raises(Exception, match=text):
        await action


async def trade_orders(trader: Trader) -> None:
    """Place market, limit, post-only, IOC and FOK orders; replace, cancel and query them."""
    size = {"quantity": 0.01}
    assert await trader.order("BUY", "MARKET", "market", **size) == "FILLED"
    low = {**size, "price": 96_000.0}
    assert await trader.order("BUY", "LIMIT", "limit", **low) == "NEW"
    assert await trader.order("BUY", "LIMIT_MAKER", "maker", **low) == "NEW"
    for tif in ("IOC", "FOK"):
        assert await trader.order("BUY", "LIMIT", tif, **low, timeInForce=tif) == "EXPIRED"
    await refused(
        "immediately match", trader.order("BUY", "LIMIT_MAKER", "x", **size, price=102_000.0)
    )
    await refused("Duplicate order", trader.order("BUY", "LIMIT", "limit", **low))
    await refused("-2013", trader.status("nobody"))
    await trader.replace("limit", "again", 95_000.0)
    assert await trader.status("limit") == ("CANCELED", 0)
    assert await trader.status("again") == ("NEW", 0)
    await trader.cancel("again")
    await refused("-2011", trader.cancel("again"))
    assert await trader.open_orders() == {"maker": "LIMIT_MAKER"}
    await trader.cancel_all()


async def protect(trader: Trader) -> None:
    """Place stop, take-profit and trailing stop on the order endpoint, and an OCO pair."""
    for name, wanted in CONDITIONAL.items():
        more = {key: value for key, value in wanted.items() if key != "kind"}
        assert await trader.order("SELL", wanted["kind"], name, quantity=0.002, **more) == "NEW"
    assert set(await trader.open_orders()) == set(CONDITIONAL)
    await refused(
        "trigger immediately",
        trader.order("SELL", "STOP_LOSS", "late", quantity=0.002, stopPrice=104_000.0),
    )
    await trader.cancel_all()
    listed = await trader.oco(0.005, 104_000.0, 96_000.0)
    assert await trader.list_status(listed) == "EXECUTING"
    assert (await trader.balances())["BTC"] == (pytest.approx(0.00499), 0.005)
    leg = next(iter(await trader.open_orders()))
    await trader.cancel(leg)
    assert await trader.list_status(listed) == "ALL_DONE"
    assert await trader.open_orders() == {}


async def fill_in_part(trader: Trader) -> None:
    """Order more than a minute's volume: some of it fills, the rest of the IOC order expires."""
    await trader.order("BUY", "LIMIT", "part", quantity=50.0, price=102_000.0, timeInForce="IOC")
    status, filled = await trader.status("part")
    assert status == "EXPIRED"
    assert 0 < filled < 50
    trades = await trader.trades()
    assert sum(trade[3] for trade in trades) == pytest.approx(0.01 + filled)
    for _, side, _, size, fee, asset in trades:
        assert (side, asset, fee) == ("BUY", "BTC", pytest.approx(size * 0.001))


@pytest.mark.parametrize("name", CLIENTS)
async def test_client_goes_through_all_kinds_of_orders(serving: Serving, name: str) -> None:
    balances = {"USDT": Decimal(10_000_000)}
    async with (
        serving(venue="spot", balances=balances, fills="volume") as server,
        spot_trader(name, server.url) as trader,
    ):
        assert await trader.symbols() == {"BTCUSDT", "ETHUSDT"}
        assert await trader.balances() == {"USDT": (10_000_000, 0)}
        await trade_orders(trader)
        await protect(trader)
        await fill_in_part(trader)
        trades = await trader.trades()
        bought = sum(trade[3] - trade[4] for trade in trades)
        spent = sum(trade[2] * trade[3] for trade in trades)
        held = await trader.balances()
        assert held["BTC"] == (pytest.approx(bought), 0)
        assert held["USDT"] == (pytest.approx(10_000_000 - spent), 0)


async def test_three_clients_agree_on_the_account(serving: Serving) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(venue="spot"))
        traders = [
            await stack.enter_async_context(spot_trader(name, server.url)) for name in CLIENTS
        ]
        first, second, third = traders
        await first.symbols()
        await first.order("BUY", "MARKET", "one", quantity=0.03)
        await second.order("SELL", "MARKET", "two", quantity=0.01)
        await third.order("BUY", "LIMIT", "three", quantity=0.01, price=96_000.0)
        await third.oco(0.005, 104_000.0, 96_000.0)
        seen = [
            (
                await trader.balances(),
                await trader.open_orders(),
                await trader.trades(),
                [await trader.status(name) for name in ("one", "two", "three")],
            )
            for trader in traders
        ]
        assert seen[0] == seen[1] == seen[2]
        assert seen[0][0]["USDT"][1] == 960
        assert [(trade[1], trade[5]) for trade in seen[0][2]] == [("BUY", "BTC"), ("SELL", "USDT")]
