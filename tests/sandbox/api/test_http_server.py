"""HTTP on the wire: requests in pieces, pipelined, unreadable, cut off and upgraded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import aiohttp
import pytest

from sandbox.api.gateway import Gateway
from sandbox.api.wire.http_server import MAX_BODY, MAX_HEAD
from sandbox.protocol.signing import sign
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient, until

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
PING = b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
TIME = b"GET /fapi/v1/time HTTP/1.1\r\nHost: x\r\n\r\n"


class RawConnection:
    """A raw connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, header fields and body of the next response."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(fields["Content-Length"]))
        return int(head[0].split(" ")[1]), fields, body

    async def ended(self) -> bool:
        """Whether the server has closed the connection."""
        async with asyncio.timeout(5):
            return await self.reader.read(1) == b""


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[SandboxServer]:
    async with serving() as server:
        yield server


@pytest.fixture
async def connection(server: SandboxServer) -> AsyncIterator[RawConnection]:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield RawConnection(reader, writer)
    writer.close()


def order() -> bytes:
    body = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010"
    body += f"&timestamp={time.time_ns() // 1_000_000}"
    body += f"&signature={sign('sandbox', body)}"
    head = f"POST /fapi/v1/order HTTP/1.1\r\nx-mbx-ApiKey: sandbox\r\nContent-LENGTH: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


async def test_request_may_arrive_byte_by_byte(connection: RawConnection) -> None:
    for byte in order():
        connection.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    status, fields, body = await connection.response()
    assert (status, fields["Content-Type"]) == (200, "application/json")
    assert b'"executedQty":"0"' in body


async def test_pipelined_requests_get_their_responses_in_order(connection: RawConnection) -> None:
    connection.writer.write(PING + TIME + PING)
    bodies = [(await connection.response())[2] for _ in range(3)]
    assert bodies[0] == bodies[2] == b"{}"
    assert b"serverTime" in bodies[1]


async def test_values_are_url_decoded_and_repeated_parameters_are_refused(
    server: SandboxServer,
) -> None:
    async with aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        status, body = await client.plain("GET", "/fapi/v1/klines?symbol=BTC%55SDT&interval=1%6d")
        assert (status, len(body)) == (200, 121)
        status, body = await client.plain("GET", "/fapi/v1/depth?symbol=A&symbol=BTCUSDT&limit=5")
        assert (status, body["code"]) == (400, -1101)


async def test_parameter_in_query_and_body_has_the_value_of_the_query(
    server: SandboxServer,
) -> None:
    query = f"symbol=BTCUSDT&side=BUY&timestamp={time.time_ns() // 1_000_000}"
    body = "type=MARKET&symbol=ETHUSDT&quantity=0.01"
    signed = f"{body}&signature={sign('sandbox', query + body)}"
    path = f"{server.url}/fapi/v1/order?{query}"
    head = {"X-MBX-APIKEY": "sandbox"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(path, data=signed, headers=head) as response,
    ):
        shown = await response.json()
    assert (response.status, shown["symbol"]) == (200, "BTCUSDT")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /fapi/v1/order HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: \u0663\r\n\r\n".encode(), 400),
        (b"POST /fapi/v1/order HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * MAX_HEAD, 431),
    ],
)
async def test_unreadable_request_is_refused_and_closes_the_connection(
    connection: RawConnection, request_: bytes, status: int
) -> None:
    connection.writer.write(request_)
    found, fields, _ = await connection.response()
    assert (found, fields["Connection"]) == (status, "close")
    assert await connection.ended()


async def test_connection_close_gets_a_response_and_closes(connection: RawConnection) -> None:
    connection.writer.write(PING.replace(b"Host: x", b"Connection: Close"))
    assert (await connection.response())[1]["Connection"] == "close"
    assert await connection.ended()


async def test_expect_header_gets_100_continue(connection: RawConnection) -> None:
    head, body = order().split(b"\r\n\r\n")
    connection.writer.write(head + b"\r\nExpect: 100-continue\r\n\r\n")
    async with asyncio.timeout(5):
        assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.writer.write(body)
    assert (await connection.response())[0] == 200


async def test_unknown_path_gets_404(connection: RawConnection) -> None:
    connection.writer.write(
        b"GET /market/ws HTTP/1.1\r\n\r\n" + b"PUT /sandbox/status HTTP/1.1\r\n\r\n"
    )
    assert (await connection.response())[0] == 404
    assert (await connection.response())[0] == 404


async def test_rest_connection_can_upgrade_to_a_websocket(connection: RawConnection) -> None:
    connection.writer.write(PING)
    assert (await connection.response())[2] == b"{}"
    fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    connection.writer.write(
        f"GET /market/ws HTTP/1.1\r\nHost: x\r\n{fields}\r\n{key}\r\n\r\n".encode()
    )
    async with asyncio.timeout(5):
        head = await connection.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head


async def test_order_is_carried_out_after_its_client_disconnects(server: SandboxServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    async with aiohttp.ClientSession() as session:
        fault = {"kind": "hold_request", "seconds": 0.05}
        await session.post(f"{server.url}/sandbox/fault", json=fault)
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(order())
    assert server.exchange is not None
    venue = server.exchange
    await until(lambda: venue.requests == 1)
    writer.transport.abort()
    await until(lambda: bool(venue.engine.core.accounts["main"].fills))


async def test_server_stops_with_an_idle_connection_and_a_request_in_flight(
    serving: Serving,
) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        fault = {"kind": "hold_request", "seconds": 0.2}
        await session.post(f"{server.url}/sandbox/fault", json=fault)
        held = asyncio.create_task(RestClient(session, server.url).plain("GET", "/fapi/v1/ping"))
        venue = server.exchange
        assert venue is not None
        await until(lambda: venue.requests == 1)
        await server.stop()
        assert await held == (200, {})


async def test_error_in_a_handler_gets_500(
    connection: RawConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gateway, "_find", lambda *_: 1 / 0)
    connection.writer.write(PING)
    status, fields, _ = await connection.response()
    assert (status, fields["Connection"]) == (500, "close")
