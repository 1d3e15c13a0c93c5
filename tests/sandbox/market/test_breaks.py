"""`--gaps breaks`: while the recording has no candle, the market takes no orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, RestClient, calm, write_candles
from trading.candles import MINUTE_MS
from trading.errors import SettingsError

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
SPOT_MARKET = MARKET | {"quantity": "0.001"}
STOP = {
    "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
    "triggerPrice": "99000", "closePosition": "true",
}  # fmt: skip
# Minutes 5 to 9 are missing; the market opens again at 90000.
HOLE = range(5, 10)


class Market:
    """A stepped market with a hole, and a signed client of it."""

    def __init__(self, session: aiohttp.ClientSession, server: SandboxServer) -> None:
        self._session = session
        self.url = server.url
        self.rest = RestClient(session, server.url)

    async def to(self, minute: int) -> None:
        """Move the market to ``minute``."""
        body = {"until": START + minute * MINUTE_MS}
        async with self._session.post(f"{self.url}/sandbox/clock/step", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def fault(self, **fault: Any) -> None:
        """Inject a fault."""
        async with self._session.post(f"{self.url}/sandbox/fault", json=fault) as answer:
            assert answer.status == 200, await answer.text()

    async def status(self, path: str = "/fapi/v1/exchangeInfo") -> dict[str, str]:
        """Return the status of each symbol, as the exchange lists it."""
        async with self._session.get(self.url + path) as answer:
            return {row["symbol"]: row["status"] for row in (await answer.json())["symbols"]}

    async def send(self, path: str = ORDER, **order: str) -> int:
        """Send an order; return 0, or the code of its refusal."""
        status, body = await self.rest.signed("POST", path, **order)
        return 0 if status == 200 else int(body["code"])


@pytest.fixture
def market(tmp_path: Path, serving: Serving) -> Callable[..., AbstractAsyncContextManager[Market]]:
    """Serve BTCUSDT with a hole of five minutes and ETHUSDT without."""
    folder = tmp_path / "candles"
    write_candles(folder, "BTCUSDT", calm(100_000.0, 10) + calm(90_000.0, 20))
    write_candles(folder, "ETHUSDT", calm(2_500.0, 30))
    table = pq.read_table(folder / "BTCUSDT.parquet")
    kept = [row for row in range(table.num_rows) if row not in HOLE]
    pq.write_table(table.take(pa.array(kept)), folder / "BTCUSDT.parquet")

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[Market]:
        settings: dict[str, object] = {"clock": "stepped", "gaps": "breaks", **changes}
        async with serving(**settings) as server, aiohttp.ClientSession() as session:
            yield Market(session, server)

    return start


async def test_futures_take_no_orders_while_no_candle_is_recorded(market: Any) -> None:
    async with market() as exchange:
        await exchange.to(4)
        assert await exchange.send(**MARKET) == 0
        await exchange.to(6)
        assert await exchange.status() == {"BTCUSDT": "BREAK", "ETHUSDT": "TRADING"}
        reducing = {"side": "SELL", "reduceOnly": "true"}
        assert await exchange.send(**MARKET) == -4140
        assert await exchange.send(**MARKET | reducing) == -4140
        assert await exchange.send(**MARKET | {"symbol": "ETHUSDT"}) == 0
        await exchange.to(10)
        assert await exchange.status() == {"BTCUSDT": "TRADING", "ETHUSDT": "TRADING"}
        assert await exchange.send(**MARKET | reducing) == 0


async def test_an_order_that_rests_can_be_cancelled_in_a_break_but_not_changed(market: Any) -> None:
    limit = MARKET | {
        "type": "LIMIT", "price": "95000", "timeInForce": "GTC", "newClientOrderId": "resting",
    }  # fmt: skip
    named = {"symbol": "BTCUSDT", "origClientOrderId": "resting"}
    async with market() as exchange:
        await exchange.to(4)
        assert await exchange.send(**limit) == 0
        await exchange.to(6)
        changed = named | {"side": "BUY", "quantity": "0.02", "price": "95000"}
        assert (await exchange.rest.signed("PUT", ORDER, **changed))[1]["code"] == -4140
        assert (await exchange.rest.signed("DELETE", ORDER, **named))[0] == 200


async def test_a_stop_waits_through_a_break_and_fires_at_the_first_price_after_it(
    market: Any,
) -> None:
    held = {"symbol": "BTCUSDT"}
    async with market() as exchange:
        await exchange.to(4)
        assert await exchange.send(**MARKET) == 0
        assert await exchange.send(ALGO, **STOP) == 0
        await exchange.to(9)
        assert (await exchange.rest.signed("GET", "/fapi/v3/positionRisk", **held))[1]
        await exchange.to(10)
        assert (await exchange.rest.signed("GET", "/fapi/v3/positionRisk", **held))[1] == []
        _, trades = await exchange.rest.signed("GET", "/fapi/v1/userTrades", **held)
        assert float(trades[-1]["price"]) == pytest.approx(90_000, abs=1)


async def test_spot_says_that_its_market_is_closed(market: Any) -> None:
    limit = SPOT_MARKET | {
        "type": "LIMIT", "price": "95000", "timeInForce": "GTC", "newClientOrderId": "resting",
    }  # fmt: skip
    less = {"symbol": "BTCUSDT", "origClientOrderId": "resting", "newQty": "0.0005"}
    amend = "/api/v3/order/amend/keepPriority"
    async with market(venue="spot", balances={"USDT": Decimal(10_000)}) as exchange:
        await exchange.to(4)
        assert await exchange.send("/api/v3/order", **limit) == 0
        await exchange.to(6)
        assert (await exchange.rest.signed("PUT", amend, **less))[1]["code"] == -1013
        assert (await exchange.status("/api/v3/exchangeInfo"))["BTCUSDT"] == "BREAK"
        assert await exchange.send("/api/v3/order", **SPOT_MARKET) == -1013
        await exchange.to(10)
        assert await exchange.send("/api/v3/order", **SPOT_MARKET) == 0


async def test_an_algo_order_is_refused_in_a_break(market: Any) -> None:
    async with market() as exchange:
        await exchange.to(4)
        assert await exchange.send(**MARKET) == 0
        await exchange.to(6)
        assert await exchange.send(ALGO, **STOP) == -4140


async def test_a_status_that_is_set_during_a_break_outlives_it(market: Any) -> None:
    async with market() as exchange:
        await exchange.to(6)
        await exchange.fault(kind="set_status", symbol="BTCUSDT", status="SETTLING")
        await exchange.to(11)
        assert (await exchange.status())["BTCUSDT"] == "SETTLING"


async def test_without_breaks_the_last_price_stands(market: Any) -> None:
    async with market(gaps="still") as exchange:
        await exchange.to(6)
        assert (await exchange.status())["BTCUSDT"] == "TRADING"
        assert await exchange.send(**MARKET) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"venue": "upbit"}, "a minute without trades has no candle on upbit"),
        ({"venue": "kis"}, "a minute without trades has no candle on kis"),
        ({"live": True, "symbols": ("BTCUSDT",), "candles": Path()}, "needs a recording"),
    ],
)
def test_breaks_are_refused_where_a_missing_candle_is_no_break(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        SandboxSettings(**{"candles": Path("candles"), "gaps": "breaks", **changes})
