"""The gateway: signatures, time windows, keys, limits, retired endpoints, faults."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import aiohttp
import pytest

from sandbox.protocol.rate_limits import RateLimits, RetryLaterError
from sandbox.protocol.signing import check_time, payload_of
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_MARKET",
    "triggerPrice": "98000",
    "closePosition": "true",
}


@pytest.fixture
async def client(serving: Serving) -> AsyncIterator[RestClient]:
    """Yield a raw client of a server with a low weight limit."""
    async with serving(weight_limit=400) as server, aiohttp.ClientSession() as session:
        yield RestClient(session, server.url)


async def code(call: object) -> tuple[int, int]:
    status, body = await call  # type: ignore[misc]
    return status, body["code"]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_signed_payload_leaves_out_the_signature_wherever_it_stands() -> None:
    assert payload_of("a=1&signature=x", "b=2") == "a=1b=2"
    assert payload_of("signature=x&a=1", "") == "a=1"


def test_time_window_has_both_edges() -> None:
    check_time({"timestamp": "10000", "recvWindow": "5000"}, 15_000)
    check_time({"timestamp": "15999", "recvWindow": "5000"}, 15_000)
    for stamp in ("9999", "16000"):
        with pytest.raises(Exception, match="-1021"):
            check_time({"timestamp": stamp, "recvWindow": "5000"}, 15_000)


async def test_time_is_wall_time(client: RestClient) -> None:
    before = now_ms()
    _, body = await client.plain("GET", "/fapi/v1/time")
    assert before <= body["serverTime"] <= now_ms()


async def test_bad_signature_key_and_timestamp_are_refused(client: RestClient) -> None:
    wrong = client.plain("GET", f"/fapi/v2/balance?timestamp={now_ms()}&signature=00")
    assert await code(wrong) == (400, -1022)
    assert await code(client.plain("GET", "/fapi/v2/balance", key="other")) == (401, -2015)
    assert await code(client.plain("GET", "/fapi/v2/balance", key="")) == (401, -2014)
    late = client.signed("GET", "/fapi/v2/balance", timestamp=now_ms() - 6_000)
    assert await code(late) == (400, -1021)
    early = client.signed("GET", "/fapi/v2/balance", timestamp=now_ms() + 2_000)
    assert await code(early) == (400, -1021)


async def test_missing_and_wrong_parameters_are_named(client: RestClient) -> None:
    status, body = await client.signed("POST", "/fapi/v1/order", symbol="BTCUSDT", side="BUY")
    assert (status, body["code"]) == (400, -1102)
    assert "'type'" in body["msg"]
    klines = client.plain("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=7m")
    assert await code(klines) == (400, -1120)
    assert await code(client.plain("GET", "/fapi/v1/depth?symbol=NONE")) == (400, -1121)
    wrong_side = client.signed("POST", "/fapi/v1/order", **ORDER | {"side": "UP"})
    assert await code(wrong_side) == (400, -1117)


async def test_conditional_types_belong_to_the_algo_service(client: RestClient) -> None:
    old = {**ORDER, "type": "STOP_MARKET", "stopPrice": "98000"}
    assert await code(client.signed("POST", "/fapi/v1/order", **old)) == (400, -4120)


async def test_close_position_stop_takes_no_quantity(client: RestClient) -> None:
    both = client.signed("POST", "/fapi/v1/algoOrder", **STOP, quantity="1")
    assert await code(both) == (400, -4137)
    both = client.signed("POST", "/fapi/v1/algoOrder", **STOP, reduceOnly="true")
    assert await code(both) == (400, -4138)


async def test_retired_and_unknown_paths_are_not_served(client: RestClient) -> None:
    assert (await client.plain("POST", "/api/v3/userDataStream"))[0] == 410
    assert (await client.plain("GET", "/nowhere"))[0] == 404


async def test_weights_are_counted_reported_and_limited(client: RestClient) -> None:
    await client.plain("GET", "/fapi/v1/ping")
    first = int(client.headers["X-MBX-USED-WEIGHT-1M"])
    await client.signed("GET", "/fapi/v1/openOrders")
    assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) - first in (40, 40 - first)
    statuses = [(await client.signed("GET", "/fapi/v1/openOrders"))[0] for _ in range(11)]
    assert statuses[-1] == 429
    assert 1 <= int(client.headers["Retry-After"]) <= 60


def test_client_that_ignores_429_is_banned() -> None:
    limits = RateLimits(weight_limit=10)
    for _ in range(101):
        with pytest.raises(RetryLaterError):
            limits.charge("a", 11, START)
    with pytest.raises(RetryLaterError) as caught:
        limits.charge("a", 1, START + MINUTE_MS)
    assert (caught.value.status, caught.value.retry_after) == (418, 60)
    assert limits.charge("b", 1, START) == {"X-MBX-USED-WEIGHT-1M": "1"}


async def test_order_counts_are_reported(client: RestClient) -> None:
    await client.signed("POST", "/fapi/v1/order", **ORDER)
    assert client.headers["X-MBX-ORDER-COUNT-10S"] == "1"


async def test_order_is_accepted_when_its_response_is_dropped(client: RestClient) -> None:
    session = client._session
    await session.post(
        client._url + "/sandbox/fault",
        json={"kind": "drop_response", "method": "POST", "path": "/order$"},
    )
    with pytest.raises(aiohttp.ClientError):
        await client.signed("POST", "/fapi/v1/order", **ORDER, newClientOrderId="lost")
    found = await client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="lost")
    assert found[1]["status"] == "FILLED"


@pytest.mark.parametrize(
    ("kind", "status", "accepted"),
    [
        ("unknown_503", 503, True),
        ("timeout_1007", 408, True),
        ("unavailable_503", 503, False),
        ("throttled", 503, False),
        ("rate_limit", 429, False),
    ],
)
async def test_each_failure_accepts_or_refuses_the_order_as_documented(
    client: RestClient, kind: str, status: int, accepted: bool
) -> None:
    fault = {"kind": kind, "path": "/order$", "method": "POST"}
    await client._session.post(client._url + "/sandbox/fault", json=fault)
    assert (await client.signed("POST", "/fapi/v1/order", **ORDER))[0] == status
    _, trades = await client.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    assert len(trades) == int(accepted)
    assert (await client.signed("POST", "/fapi/v1/order", **ORDER))[0] == 200


async def test_stop_can_be_rejected_on_request(client: RestClient) -> None:
    fault = {"kind": "reject", "path": "algoOrder", "method": "POST", "code": -2021}
    await client._session.post(client._url + "/sandbox/fault", json=fault)
    assert await code(client.signed("POST", "/fapi/v1/algoOrder", **STOP)) == (400, -2021)
    assert (await client.signed("POST", "/fapi/v1/algoOrder", **STOP))[0] == 200


@pytest.mark.parametrize("value", [1e308, -(2**63), "inf", "nan"])
@pytest.mark.parametrize("name", ["count", "seconds", "at"])
async def test_fault_with_a_number_beyond_reason_is_refused(
    client: RestClient, name: str, value: object
) -> None:
    body = {"kind": "drop_request", name: value}
    async with client._session.post(client._url + "/sandbox/fault", json=body) as response:
        assert response.status == 400
        assert "drop_request" in (await response.json())["error"]
    _, waiting = await client.plain("GET", "/sandbox/fault")
    assert waiting == []


async def test_unknown_fault_is_named(client: RestClient) -> None:
    async with client._session.post(
        client._url + "/sandbox/fault", json={"kind": "meteor"}
    ) as response:
        assert response.status == 400
        assert "'meteor' is unknown" in (await response.json())["error"]
