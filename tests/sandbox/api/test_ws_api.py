"""The WebSocket API's envelope, its signature rule, Ed25519 keys and sessions."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.protocol.signing import sign
from sandbox.server.server import SandboxServer

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.01", "price": "95000",
}  # fmt: skip


class Api:
    """A raw client of a WebSocket API."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, key: Ed25519PrivateKey) -> None:
        self.socket, self._key = socket, key

    async def request(self, method: str, params: dict[str, Any] | None = None) -> Any:
        await self.socket.send_json({"id": "x", "method": method, "params": params or {}})
        while True:
            response = await self.socket.receive_json(timeout=5)
            if response.get("id") == "x":
                return response

    def signed(self, key: str, **params: Any) -> dict[str, Any]:
        values = {**params, "apiKey": key, "timestamp": time.time_ns() // 1_000_000}
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        if key == "edwards":
            signature = base64.b64encode(self._key.sign(payload.encode())).decode()
        else:
            signature = sign("sandbox", payload)
        return {**values, "signature": signature}


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
async def url(serving: Serving, tmp_path: Path, key: Ed25519PrivateKey) -> AsyncIterator[str]:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    (tmp_path / "accounts.toml").write_text(
        '[[account]]\nname = "one"\nkey = "sandbox"\nsecret = "sandbox"\n'
        'usdm = {USDT = "10000"}\nspot = {USDT = "10000"}\n'
        f'[[account]]\nname = "two"\nkey = "edwards"\npublic_key = """{pem}"""\n'
        'spot = {USDT = "500"}\n'
    )
    async with serving(venue="both", accounts=tmp_path / "accounts.toml") as server:
        yield server.url


@pytest.fixture
async def api(url: str, key: Ed25519PrivateKey) -> AsyncIterator[Api]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url.replace("http", "ws", 1) + "/ws-api/v3") as socket,
    ):
        yield Api(socket, key)


async def test_response_has_id_status_result_and_limits(api: Api) -> None:
    response = await api.request("time")
    assert (response["id"], response["status"]) == ("x", 200)
    assert response["result"]["serverTime"] > 0
    assert response["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"


async def test_errors_keep_the_envelope(api: Api) -> None:
    response = await api.request(
        "order.place", {**api.signed("sandbox", **ORDER), "signature": "00"}
    )
    assert (response["status"], response["error"]["code"]) == (400, -1022)
    assert (await api.request("order.dance"))["status"] == 404
    await api.socket.send_str("not json")
    assert (await api.socket.receive_json(timeout=5))["error"]["code"] == -1135


async def test_hmac_signature_is_over_sorted_parameters(api: Api) -> None:
    response = await api.request("order.place", api.signed("sandbox", **ORDER))
    assert response["result"]["clientOrderId"]
    shown = await api.request("openOrders.status", api.signed("sandbox", symbol="BTCUSDT"))
    assert len(shown["result"]) == 1


async def test_ed25519_session_needs_no_more_signatures(api: Api) -> None:
    refused = await api.request("session.logon", api.signed("sandbox"))
    assert refused["error"]["code"] == -4056
    assert (await api.request("userDataStream.subscribe"))["status"] == 401
    on = await api.request("session.logon", api.signed("edwards"))
    assert on["result"]["apiKey"] == "edwards"
    assert (await api.request("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
    listed = await api.request("session.subscriptions")
    assert listed["result"] == [{"subscriptionId": 0}]
    small = ORDER | {"quantity": "0.001", "timestamp": time.time_ns() // 1_000_000}
    await api.socket.send_json({"id": "y", "method": "order.place", "params": small})
    heard = [await api.socket.receive_json(timeout=5) for _ in range(3)]
    events = [message["event"]["e"] for message in heard if "event" in message]
    assert events == ["executionReport", "outboundAccountPosition"]
    await api.request("session.logout")
    assert (await api.request("openOrders.status"))["error"]["code"] == -2014


async def test_ed25519_signs_rest_requests_too(url: str, key: Ed25519PrivateKey) -> None:
    query = f"timestamp={time.time_ns() // 1_000_000}"
    signature = quote(base64.b64encode(key.sign(query.encode())).decode(), safe="")
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": "edwards"}) as session,
        session.get(
            aiohttp.client.URL(f"{url}/api/v3/account?{query}&signature={signature}", encoded=True)
        ) as response,
    ):
        balances = {row["asset"]: row["free"] for row in (await response.json())["balances"]}
    assert balances["USDT"] == "500.00000000"


@pytest.mark.parametrize("path", ["/ws-api/v3", "/ws-fapi/v1"])
async def test_messages_of_any_shape_leave_the_connection_open(url: str, path: str) -> None:
    odd: list[Any] = [None, True, -1, 1.5, "", "x", [], [[]], {}, {"a": []}, "9" * 5_000, 2**63]
    sent = [*odd, *({"id": 1, "method": one} for one in odd)]
    sent += [{"id": 1, "method": "ping", "params": one} for one in odd]
    sent += [{"id": 1, "method": "session.status", "params": {"apiKey": one}} for one in odd]
    unsubscribe = "userDataStream.unsubscribe"
    sent += [{"id": 1, "method": unsubscribe, "params": {"subscriptionId": "\u00b2"}}]
    ws = url.replace("http", "ws", 1)
    async with aiohttp.ClientSession() as session, session.ws_connect(ws + path) as socket:
        for message in sent:
            await socket.send_json(message)
            response = await socket.receive_json(timeout=10)
            assert response["status"] in (200, 400, 404), (message, response)
