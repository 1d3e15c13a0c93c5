"""Random requests and frames: no crash, and no request that holds the others up for 100 ms."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from sandbox.api.kis import routes as kis
from sandbox.api.requests import ApiRequest, rest_request
from sandbox.api.spot import routes as spot
from sandbox.api.upbit import routes as upbit
from sandbox.api.usdm import routes as usdm
from sandbox.protocol.responses import Response
from sandbox.protocol.signing import sign
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, calm, write_candles
from trading.candles import MINUTE_MS

pytestmark = pytest.mark.slow

REQUESTS, FRAMES = 60_000, 50_000
STALL_S = 0.1
WORDS = (
    "", "BTCUSDT", "ETHUSDT", "BUY", "SELL", "LIMIT", "MARKET", "STOP_MARKET", "GTC", "GTD", "IOC",
    "0", "1", "-1", "0.001", "100000", "1e400", "NaN", "9" * 40, "true", "false", "null", "[]",
    "{}", "[1,2]", '[{"symbol":"BTCUSDT"}]', '["BTCUSDT"]', "1m", "1M", "%00", "%ff", "\u00df",
    "QUEUE_20", "[" * 400, "[null]", '[{"quantity":[]}]',
    "a" * 300, "2024-01-01", "1750377600000", "both", "LONG", "PERPETUAL", "CONDITIONAL", "'", '"',
)  # fmt: skip
ROUTES = [*usdm.ROUTES.items(), *spot.ROUTES.items()]
KRW_REQUESTS = 10_000
KRW_VENUES = {"upbit": ("KRW-BTC", list(upbit.ROUTES)), "kis": ("005930", list(kis.ROUTES))}
KRW_NAMES = (
    "market", "markets", "side", "ord_type", "price", "volume", "uuid", "identifier", "count", "to",
    "states[]", "time_in_force", "page", "limit", "PDNO", "ORD_DVSN", "ORD_QTY", "ORD_UNPR",
    "CNDT_PRIC", "ORGN_ODNO", "RVSE_CNCL_DVSN_CD", "QTY_ALL_ORD_YN", "INQR_STRT_DT", "INQR_END_DT",
    "FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD", "FID_INPUT_HOUR_1", "FID_INPUT_DATE_1",
    "FID_INPUT_DATE_2", "FID_PERIOD_DIV_CODE", "FID_PW_DATA_INCU_YN", "CTX_AREA_NK100", "ODNO",
)  # fmt: skip
TRANSACTIONS = sorted({name for route in kis.ROUTES.values() for name in route.transactions})
WORDS += (
    "KRW-BTC", "005930", "bid", "ask", "limit", "price", "market", "best", "ioc", "J", "Y", "N",
    "D", "W", "M", "00", "01", "02", "22", "20250620", "153000", "250000", "999999", "60000",
    # Numbers at the edges of what can hold them, digits of other scripts, times of other years.
    "9" * 19, "9" * 20, "9" * 5_000, "9223372036854775808", "253402300800000",
    "-9223372036854775808", "\u00b2", "\u0663", "1%0A", "1.", ".1", "1_000", "+1",
    "1e3", "0x10", "Infinity", "%", "%zz",
    "0.00000000000000000001", "9" * 20 + "." + "9" * 20, "\U0001f4a5", "BTCUSDT%0A", "1,2",
    '["BTCUSDT","BTCUSDT"]', "99991231", "00010101", "20250230", "9999-12-31T23:59:59",
)  # fmt: skip
METHODS = [*usdm.METHODS, *spot.METHODS, "nothing", "session.logon", "userDataStream.subscribe"]


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    begin = START - 600 * MINUTE_MS
    for symbol, price in (("BTCUSDT", 100_000.0), ("ETHUSDT", 2_500.0)):
        write_candles(tmp_path / "candles", symbol, calm(price, 3_000), begin)
    return tmp_path / "candles"


@pytest.fixture
def measured(tmp_path: Path, candles: Path) -> Iterator[tuple[str, Path]]:
    """Run a sandbox that writes its longest step at its end; yield its URL and that file."""
    report = tmp_path / "longest"
    command = [sys.executable, "-m", "tests.sandbox.measured_server", str(candles), str(report)]
    log = (tmp_path / "log").open("w")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1], report
            assert process.poll() is None, "the sandbox has crashed"
        finally:
            process.terminate()
            log.close()
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text, text[-3_000:]
    assert float(report.read_text()) < STALL_S


async def timed(server: SandboxServer, request: Callable[[], ApiRequest]) -> tuple[Response, float]:
    """Handle a request; return its response and its processor time.

    A collection of garbage or a cold cache may fall on any request of a busy machine: slow is what
    is slow four times.
    """
    begun = time.process_time()
    response, _ = await server._gateway.handle(request())
    seconds = time.process_time() - begun
    for _ in range(3):
        if seconds < STALL_S:
            break
        begun = time.process_time()
        await server._gateway.handle(request())
        seconds = min(seconds, time.process_time() - begun)
    return response, seconds


def parameters(dice: random.Random, known: frozenset[str] | None) -> str:
    names = sorted(known or ()) or ["symbol", "limit", "orderId"]
    chosen = dice.sample(names, dice.randint(0, len(names)))
    values = {name: dice.choice(WORDS) for name in chosen}
    if "symbol" in (known or ()) and dice.random() < 0.8:
        values["symbol"] = "BTCUSDT"
    return "&".join(f"{name}={value}" for name, value in values.items())


async def test_fuzzed_requests_neither_crash_nor_stall(candles: Path) -> None:
    server = SandboxServer(
        SandboxSettings(
            candles=candles, venue="both", begin=START, weight_limit=10**9, count_orders=False
        )
    )
    dice, longest = random.Random(1), 0.0
    for _ in range(REQUESTS):
        (method, path), route = dice.choice(ROUTES)
        query = parameters(dice, route.known)
        query += f"{'&' if query else ''}timestamp={time.time_ns() // 1_000_000}"
        if dice.random() < 0.95:
            query += f"&signature={sign('sandbox', query)}"
        fields = {"x-mbx-apikey": "sandbox"}
        target = f"{path}?{query}"

        def request(
            method: str = method, target: str = target, fields: dict[str, str] = fields
        ) -> ApiRequest:
            return rest_request(method, target, fields, b"", "127.0.0.1")

        response, seconds = await timed(server, request)
        assert len(response.raw) > 1, (method, path, query)
        longest = max(longest, seconds)
    assert longest < STALL_S
    server.venues.ledger.close()


def frame(dice: random.Random, payload: bytes) -> bytes:
    kind = dice.random()
    opcode = 1 if kind < 0.9 else dice.choice([0, 2, 3, 8, 9, 10, 15])
    head = bytes([0x80 | opcode])
    mask = os.urandom(4)
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    if kind > 0.99:
        return os.urandom(dice.randint(1, 40))
    return head + length + mask + body


def payload(dice: random.Random) -> bytes:
    if dice.random() < 0.2:
        return os.urandom(dice.randint(0, 60))
    names = ["symbol", "side", "type", "quantity", "price", "listenKey", "apiKey", "interval"]
    params = {name: dice.choice(WORDS) for name in dice.sample(names, dice.randint(0, 4))}
    method = dice.choice(METHODS)
    return f'{{"id":{dice.randint(0, 9)},"method":"{method}","params":{as_json(params)}}}'.encode()


def as_json(params: dict[str, Any]) -> str:

    return orjson.dumps(params).decode()


async def send_frames(url: str, path: str, seed: int, count: int) -> None:
    dice, sent = random.Random(seed), 0
    host, port = url.removeprefix("http://").split(":")
    fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    while sent < count:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{key}\r\n\r\n".encode())
        try:
            await reader.readuntil(b"\r\n\r\n")
            for _ in range(50):  # what follows a broken frame is not read
                writer.write(frame(dice, payload(dice)))
                sent += 1
                await writer.drain()
            while await asyncio.wait_for(reader.read(1 << 16), 0.05):
                pass
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass
        writer.close()


async def test_fuzzed_frames_neither_crash_nor_stall(measured: tuple[str, Path]) -> None:
    url, _ = measured
    paths = ("/ws-api/v3", "/ws-fapi/v1", "/ws", "/market/stream", "/private/ws")
    await asyncio.gather(
        *(send_frames(url, path, 10 + i, FRAMES // len(paths)) for i, path in enumerate(paths))
    )
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v3/ping") as response:
        assert response.status == 200


@pytest.mark.parametrize("venue", ["upbit", "kis"])
async def test_fuzzed_requests_of_the_krw_venues_neither_crash_nor_stall(
    tmp_path: Path, venue: str
) -> None:
    name, routes = KRW_VENUES[venue]
    write_candles(tmp_path / venue, name, calm(60_000.0, 300), START - 60 * MINUTE_MS)
    server = SandboxServer(
        SandboxSettings(candles=tmp_path / venue, venue=venue, begin=START, count_orders=False)
    )
    known = frozenset(KRW_NAMES)
    dice, longest, head = random.Random(2), 0.0, await _krw_head(server, venue)
    for number in range(KRW_REQUESTS):
        method, path = dice.choice(routes)
        values = dict(pair.split("=", 1) for pair in parameters(dice, known).split("&") if pair)
        values |= {"CANO": "50000001", "ACNT_PRDT_CD": "01"} if dice.random() < 0.8 else {}
        fields = head(values, number) | {"tr_id": dice.choice(TRANSACTIONS)}
        query = "" if method == "POST" else "?" + "&".join(f"{n}={v}" for n, v in values.items())
        body = orjson.dumps(values) if method == "POST" else b""
        target = path + query

        def request(
            method: str = method,
            target: str = target,
            fields: dict[str, str] = fields,
            body: bytes = body,
        ) -> ApiRequest:
            return rest_request(method, target, fields, body, "127.0.0.1")

        response, seconds = await timed(server, request)
        assert response.status < 600, (method, path, values)
        longest = max(longest, seconds)
    assert longest < STALL_S


async def _krw_head(
    server: SandboxServer, venue: str
) -> Callable[[dict[str, str], int], dict[str, str]]:
    """Return what makes the header fields of an authorised request."""
    keys = {"appkey": "sandbox", "appsecret": "sandbox"}
    if venue == "kis":
        grant = orjson.dumps({"grant_type": "client_credentials", **keys})
        request = rest_request("POST", "/oauth2/tokenP", {}, grant, "127.0.0.1")
        response, _ = await server._gateway.handle(request)
        token = response.body["access_token"]
        return lambda *_: {"authorization": f"Bearer {token}", **keys}

    def signed(values: dict[str, str], number: int) -> dict[str, str]:
        query = "&".join(f"{name}={value}" for name, value in values.items())
        digest = hashlib.sha512(query.encode()).hexdigest()
        claims = {"access_key": "sandbox", "nonce": str(number), "query_hash": digest}
        parts = [_part({"alg": "HS256", "typ": "JWT"}), _part(claims)]
        proof = hmac.digest(b"sandbox", ".".join(parts).encode(), "sha256")
        parts.append(base64.urlsafe_b64encode(proof).rstrip(b"=").decode())
        return {"authorization": "Bearer " + ".".join(parts)}

    return signed


def _part(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()
