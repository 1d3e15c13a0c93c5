"""The client of the sandbox's fault tests: REST requests, a user socket and a market socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
STOP = {
    "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
    "triggerPrice": "98000", "closePosition": "true",
}  # fmt: skip


class Wire:
    """A client with REST requests, a user socket and a market socket."""

    def __init__(self, server: SandboxServer, session: aiohttp.ClientSession) -> None:
        self.server, self.session = server, session
        self.rest = RestClient(session, server.url)
        self.ws = server.url.replace("http", "ws", 1)

    async def fault(self, kind: str, **settings: Any) -> None:
        await inject_fault(self.server, kind, **settings)

    async def order(self, **changes: str) -> tuple[int, Any]:
        return await self.rest.signed("POST", "/fapi/v1/order", **{**ORDER, **changes})

    async def user(self) -> aiohttp.ClientWebSocketResponse:
        _, response = await self.rest.plain("POST", "/fapi/v1/listenKey")
        return await self.session.ws_connect(
            f"{self.ws}/private/ws?listenKey={response['listenKey']}"
        )

    async def market(self, name: str = "btcusdt@aggTrade") -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(f"{self.ws}/market/ws/{name}")

    async def events(self, socket: aiohttp.ClientWebSocketResponse, count: int) -> list[Any]:
        return [await socket.receive_json(timeout=5) for _ in range(count)]

    async def until(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        wanted: Callable[[list[Any]], bool],
        heard: list[Any] | None = None,
        most: int = 60,
    ) -> list[Any]:
        """Collect messages after those ``heard`` until ``wanted`` is true, at most ``most``."""
        found = list(heard or [])
        while not wanted(found):
            assert len(found) < most, "it did not happen"
            found += await self.events(socket, 1)
        return found

    async def position(self) -> str:
        _, rows = await self.rest.signed("GET", "/fapi/v3/positionRisk")
        return str(rows[0]["positionAmt"]) if rows else "0"


async def inject_fault(server: SandboxServer, kind: str, **settings: Any) -> None:
    """Inject a fault into a running server."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/sandbox/fault", json={"kind": kind, **settings}) as response,
    ):
        assert response.status == 200, await response.text()


async def silent(socket: aiohttp.ClientWebSocketResponse, seconds: float = 0.3) -> bool:
    """Whether an open socket falls silent; messages that were already sent may arrive first."""
    try:
        while True:
            message = await socket.receive(timeout=seconds)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return False
    except TimeoutError:
        return True
