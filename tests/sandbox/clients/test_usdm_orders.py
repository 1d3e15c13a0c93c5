"""Each client goes through all USDⓈ-M orders, and all three see the same account afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.usdm_traders import CLIENTS, Trader, usdm_trader

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
CONDITIONAL = {
    "stop": ("STOP_MARKET", 98_000.0),
    "profit": ("TAKE_PROFIT_MARKET", 103_000.0),
    "trail": ("TRAILING_STOP_MARKET", 2.0),
}


async def refused(code: int, action: Any) -> None:
    """Expect the client to raise an error with the exchange's code."""
    with pytest.raises(Exception, match=str(code)):
        await action


async def trade_orders(trader: Trader) -> None:
    """Place market, limit, post-only, IOC and FOK orders; amend, cancel and query them."""
    await trader.order("BUY", "MARKET", 0.01, "market")
    assert await trader.status("market") == ("FILLED", 0.01)
    for name, tif in (("limit", "GTC"), ("maker", "GTX")):
        await trader.order("BUY", "LIMIT", 0.01, name, price=96_000.0, tif=tif)
        assert await trader.status(name) == ("NEW", 0)
    await trader.order("BUY", "LIMIT", 0.01, "ioc", price=96_000.0, tif="IOC")
    assert await trader.status("ioc") == ("EXPIRED", 0)
    await refused(-5021, trader.order("BUY", "LIMIT", 0.01, "fok", price=96_000.0, tif="FOK"))
    await refused(-5022, trader.order("BUY", "LIMIT", 0.01, "gtx", price=102_000.0, tif="GTX"))
    await refused(-4116, trader.order("BUY", "LIMIT", 0.01, "limit", price=96_000.0))
    await refused(-2013, trader.status("nobody"))
    await trader.amend("limit", 0.02, 97_000.0)
    await trader.cancel("limit")
    assert await trader.status("limit") == ("CANCELED", 0)
    await refused(-2011, trader.cancel("limit"))
    assert sorted(await trader.batch([0.01, 0.011, 900.0], 97_000.0)) == [False, True, True]
    assert len(await trader.open_orders()) == 3
    await trader.cancel_all()
    assert await trader.open_orders() == set()


async def protect(trader: Trader) -> None:
    """Place stop, take-profit and trailing stop in the algo service."""
    for name, (kind, at) in CONDITIONAL.items():
        await trader.conditional(kind, name, at)
    assert await trader.open_conditionals() == {
        name: kind for name, (kind, _) in CONDITIONAL.items()
    }
    await refused(-4130, trader.conditional("STOP_MARKET", "second", 97_000.0))
    for name in CONDITIONAL:
        await trader.cancel_conditional(name)
    assert await trader.open_conditionals() == {}
    await refused(-2021, trader.conditional("STOP_MARKET", "crossed", 104_000.0))


async def fill_in_part(trader: Trader) -> None:
    """Order more than a minute's volume: some of it fills, the rest of the IOC order expires."""
    await trader.order("BUY", "LIMIT", 50.0, "part", price=102_000.0, tif="IOC")
    status, filled = await trader.status("part")
    assert status == "EXPIRED"
    assert 0 < filled < 50
    trades = await trader.trades()
    assert sum(trade[3] for trade in trades) == pytest.approx(0.01 + filled)
    assert all(fee == pytest.approx(price * size * 0.0005) for _, _, price, size, fee in trades)
    assert await trader.position() == pytest.approx(0.01 + filled)


@pytest.mark.parametrize("name", CLIENTS)
async def test_client_goes_through_all_kinds_of_orders(serving: Serving, name: str) -> None:
    balances = {"USDT": Decimal(1_000_000)}
    async with (
        serving(balances=balances, fills="volume") as server,
        usdm_trader(name, server.url) as trader,
    ):
        assert await trader.symbols() == {"BTCUSDT", "ETHUSDT"}
        assert await trader.wallet() == 1_000_000
        await trader.set_isolated_leverage(10)
        await trade_orders(trader)
        await protect(trader)
        await fill_in_part(trader)
        fees = sum(trade[4] for trade in await trader.trades())
        assert await trader.wallet() == pytest.approx(1_000_000 - fees)


async def test_three_clients_agree_on_the_account(serving: Serving) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving())
        traders = [
            await stack.enter_async_context(usdm_trader(name, server.url)) for name in CLIENTS
        ]
        first, second, third = traders
        await first.symbols()
        await first.order("BUY", "MARKET", 0.03, "one")
        await second.order("SELL", "MARKET", 0.01, "two", reducing=True)
        await third.order("BUY", "LIMIT", 0.01, "three", price=96_000.0)
        await third.conditional("STOP_MARKET", "stop", 98_000.0)
        seen = [
            (
                await trader.wallet(),
                await trader.position(),
                await trader.open_orders(),
                await trader.open_conditionals(),
                await trader.trades(),
                [await trader.status(name) for name in ("one", "two", "three")],
            )
            for trader in traders
        ]
        assert seen[0] == seen[1] == seen[2]
        assert seen[0][1:4] == (0.02, {"three"}, {"stop": "STOP_MARKET"})
        assert [trade[1] for trade in seen[0][4]] == ["BUY", "SELL"]
