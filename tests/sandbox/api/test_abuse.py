"""Clients that misbehave: they are refused or cut off, and the others do not notice."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress

import aiohttp
import pytest

from sandbox.api.requests import MAX_PAIRS
from sandbox.api.wire import send_queue
from sandbox.api.wire.http_server import MAX_FIELDS, HttpServer
from sandbox.protocol.responses import Response
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import until

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
FLOOD = b"a=1&" * 80_000


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[SandboxServer]:
    async with serving(clock="accelerated", speed=60.0, venue="both") as server:
        yield server


async def connect(url: str) -> Streams:
    host, port = url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def upgraded(url: str, path: str) -> Streams:
    """Open a raw WebSocket, so that a test writes its frames itself."""
    reader, writer = await connect(url)
    fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{key}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frame(payload: bytes, *, opcode: int = 1, masked: bool = True) -> bytes:
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    if not masked:
        return bytes([0x80 | opcode]) + length + payload
    mask = os.urandom(4)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([0x80 | opcode, length[0] | 0x80]) + length[1:] + mask + body


async def close_code(reader: asyncio.StreamReader) -> int:
    """Read frames until the close frame, return its code; 0 when the connection just ends."""
    async with asyncio.timeout(5):
        try:
            while True:
                first, second = await reader.readexactly(2)
                size = second
                if second == 126:
                    size = struct.unpack(">H", await reader.readexactly(2))[0]
                body = await reader.readexactly(size)
                if first & 0x0F == 8:
                    return int.from_bytes(body[:2], "big")
        except asyncio.IncompleteReadError:
            return 0


@pytest.mark.parametrize("place", ["query", "body"])
async def test_parameters_without_end_are_refused_at_once(
    server: SandboxServer, place: str
) -> None:
    begun = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        if place == "query":
            flood = FLOOD[:60_000].decode()
            async with session.get(f"{server.url}/api/v3/depth?{flood}") as response:
                assert response.status == 413
        else:
            async with session.post(f"{server.url}/api/v3/order", data=FLOOD) as response:
                assert response.status == 413
                assert str(MAX_PAIRS) in await response.text()
    assert time.perf_counter() - begun < 1.0


async def test_head_with_too_many_fields_is_refused(server: SandboxServer) -> None:
    reader, writer = await connect(server.url)
    fields = "".join(f"x{i}: y\r\n" for i in range(MAX_FIELDS + 1))
    writer.write(f"GET /api/v3/ping HTTP/1.1\r\n{fields}\r\n".encode())
    assert b"431" in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /api/v3/ping HTTP/1.1\r\nHost:",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 100\r\n\r\nsymbol=",
    ],
)
async def test_half_a_request_is_closed_after_its_time(begin: bytes) -> None:
    async def handle(_: object) -> tuple[Response, str]:
        return Response(200, {}, {}), ""

    http = HttpServer(handle, asyncio.Protocol, read_s=0.05)
    url = await http.start("127.0.0.1", 0)
    try:
        reader, writer = await connect(url)
        writer.write(begin)
        async with asyncio.timeout(5):
            assert b"408" in await reader.readline()
            while await reader.read(1_000):
                pass
        await until(lambda: not http.connections)
        writer.close()
    finally:
        await http.stop()


async def test_a_connection_accepted_while_the_server_stops_is_closed() -> None:
    async def handle(_: object) -> tuple[Response, str]:
        return Response(200, {}, {}), ""

    http = HttpServer(handle, asyncio.Protocol)
    url = await http.start("127.0.0.1", 0)
    http.stopping = True  # the port is still open, as to a client that was accepted just before
    try:
        reader, writer = await connect(url)
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        await until(lambda: not http.connections)
        writer.close()
    finally:
        await http.stop()


async def test_connection_that_waits_between_requests_stays_open() -> None:
    async def handle(_: object) -> tuple[Response, str]:
        return Response(200, {}, {}), ""

    http = HttpServer(handle, asyncio.Protocol, read_s=0.05)
    url = await http.start("127.0.0.1", 0)
    try:
        reader, writer = await connect(url)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            async with asyncio.timeout(5):
                assert b"200" in (await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
            waited = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.15, waited.set_result, None)
            await waited
        writer.close()
    finally:
        await http.stop()


@pytest.mark.parametrize("path", ["/ws", "/market/ws", "/ws-api/v3"])
async def test_frame_without_a_mask_closes_the_connection(server: SandboxServer, path: str) -> None:
    reader, writer = await upgraded(server.url, path)
    writer.write(frame(b'{"id":1,"method":"LIST_SUBSCRIPTIONS"}', masked=False))
    assert await close_code(reader) == 1002
    writer.close()


@pytest.mark.parametrize(("path", "most"), [("/ws", 5), ("/market/ws", 10), ("/usdm/ws", 10)])
async def test_more_messages_a_second_than_allowed_close_the_connection(
    server: SandboxServer, path: str, most: int
) -> None:
    listing = frame(b'{"method":"LIST_SUBSCRIPTIONS","id":1}')
    reader, writer = await upgraded(server.url, path)
    writer.write(listing * most)
    async with asyncio.timeout(5):
        for _ in range(most):
            _, size = await reader.readexactly(2)
            await reader.readexactly(size)
    writer.write(frame(b"", opcode=9) * (most + 1))
    assert await close_code(reader) == 1008
    writer.close()


async def test_frames_may_arrive_in_pieces(server: SandboxServer) -> None:
    reader, writer = await upgraded(server.url, "/market/ws")
    for byte in frame(b'{"method":"LIST_SUBSCRIPTIONS","id":1}' + b" " * 200):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        _, size = await reader.readexactly(2)
        assert await reader.readexactly(size) == b'{"result":[],"id":1}'
    writer.close()


async def test_client_that_never_reads_is_cut_off_by_bytes(
    server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_queue, "QUEUE_BYTES", 100_000)
    _, writer = await upgraded(server.url, "/ws/btcusdt@depth20")
    assert server.spot is not None
    hub = server.spot.hub
    await until(lambda: len(hub.connections) == 1)
    (connection,) = hub.connections
    raw = b"x" * 30_000
    for _ in range(2_000):  # the sockets' own buffers take the first megabytes
        if not hub.connections:
            break
        connection.put(raw)
        await asyncio.sleep(0)
    await until(lambda: not hub.connections)
    writer.close()


async def test_user_stream_that_never_reads_does_not_hold_up_the_exchange(
    server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_queue, "QUEUE_BYTES", 50_000)
    _, writer = await upgraded(server.url, "/ws-api/v3")
    request = frame(b'{"id":1,"method":"klines","params":{"symbol":"BTCUSDT","interval":"1m"}}')
    writer.write(request * 400)
    async with aiohttp.ClientSession() as session:
        for _ in range(20):
            begun = time.perf_counter()
            async with session.get(f"{server.url}/api/v3/ping") as response:
                assert response.status == 200
            assert time.perf_counter() - begun < 1.0
    writer.close()


async def test_connection_has_a_limit_of_streams(server: SandboxServer) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{server.url}/ws")
        names = ["btcusdt@aggTrade"] * 1_025
        await socket.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        assert "at most 1024 streams" in (await socket.receive_json(timeout=5))["error"]["msg"]


@pytest.mark.parametrize("path", ["/nothing", "/ws-api/v9", "/sandbox/clock/ws"])
async def test_refused_websocket_closes_its_connection(server: SandboxServer, path: str) -> None:
    ws = server.url.replace("http", "ws", 1)
    async with aiohttp.ClientSession() as session:
        for _ in range(3):  # a client may use a connection that stays open for its next try
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                await session.ws_connect(ws + path)
            assert refusal.value.status in (404, 409)
