"""Streams and the lockstep clock over raw WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.api.spot.streams import parse_stream as parse_spot_stream
from sandbox.api.stream_hub import Stream
from sandbox.api.usdm.streams import parse_stream
from sandbox.market.clock import LockstepMarketClock
from sandbox.server.server import SandboxServer
from tests.lake.ingest.test_bad_rows import SYMBOLS
from tests.sandbox.helpers import START, RestClient, calm, until, write_candles
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
Socket = aiohttp.ClientWebSocketResponse


async def receive_json(socket: Socket) -> Any:
    async with asyncio.timeout(5):
        return await socket.receive_json()


async def subscribe(socket: Socket, *names: str) -> Any:
    await socket.send_json({"method": "SUBSCRIBE", "params": list(names), "id": 7})
    return await receive_json(socket)


class Stepper:
    """A client in lockstep: one market socket, one user socket, one clock socket."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self.rest = RestClient(session, url)
        self.user_events: list[Any] = []

    async def connect(self, *streams: str) -> None:
        base = self.url.replace("http", "ws", 1)
        _, response = await self.rest.plain("POST", "/fapi/v1/listenKey")
        private = f"{base}/private/ws?listenKey={response['listenKey']}"
        self.user = await self.session.ws_connect(private)
        self.market = await self.session.ws_connect(f"{base}/market/ws")
        await subscribe(self.market, *streams)
        self.clock = await self.session.ws_connect(f"{base}/sandbox/clock/ws?announce=1")
        await receive_json(self.clock)

    async def step(self) -> list[Any]:
        """Return the market messages of the next step; user events are collected separately."""
        time = (await receive_json(self.clock))["time"]
        messages = []
        while not messages or messages[-1]["E"] < time:
            messages.append(await receive_json(self.market))
        return messages

    async def acknowledge(self, time: int) -> None:
        await self.clock.send_str(str(time))


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("btcusdt@kline_1m", "market"),
        ("btcusdt_perpetual@continuousKline_1h", "market"),
        ("btcusdt@aggTrade", "market"),
        ("btcusdt@markPrice@1s", "market"),
        ("!miniTicker@arr", "market"),
        ("btcusdt@bookTicker", "public"),
        ("btcusdt@depth@100ms", "public"),
        ("btcusdt@depth20", "public"),
        ("btcusdt@rpiDepth@500ms", "public"),
    ],
)
def test_streams_belong_to_the_category_that_the_exchange_documents(
    name: str, category: str
) -> None:
    stream = parse_stream(name)
    assert stream is not None
    assert (stream.name, stream.category) == (name, category)


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("parse", [parse_stream, parse_spot_stream], ids=["usdm", "spot"])
def test_every_symbol_has_its_streams(symbol: str, parse: Callable[[str], Stream | None]) -> None:
    for kind in ("kline_1m", "aggTrade", "bookTicker", "depth20", "depth@100ms"):
        stream = parse(f"{symbol.lower()}@{kind}")
        assert stream is not None, kind
        assert stream.symbol == symbol
    if symbol != symbol.lower():
        assert parse(f"{symbol}@kline_1m") is None


async def test_symbols_in_any_script_are_streamed(serving: Serving, tmp_path: Path) -> None:
    names = {"币安人生USDT", "ΩMEGAUSDT", "BTCUSDT_250627", "1000PEPEUSDT"}
    for name in names:
        write_candles(tmp_path / "candles", name, calm(100.0, 240), START - 120 * MINUTE_MS)
    async with (
        serving(clock="accelerated", speed=100.0) as server,
        aiohttp.ClientSession() as session,
    ):
        streams = "/".join(f"{name.lower()}@kline_1m" for name in sorted(names))
        socket = await session.ws_connect(f"{server.url}/market/stream?streams={quote(streams)}")
        heard: set[str] = set()
        async with asyncio.timeout(20):
            while heard != names:
                heard.add((await receive_json(socket))["data"]["s"])


@pytest.mark.parametrize(
    "name", ["btcusdt@kline_7m", "btcusdt", "btcusdt@depth7", "btcusdt@x", "btcusdt@rpiDepth"]
)
def test_unknown_streams_are_not_parsed(name: str) -> None:
    assert parse_stream(name) is None


async def test_subscriptions_are_confirmed_listed_and_ended(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(server.url + "/market/ws/3")
        assert await subscribe(socket, "btcusdt@kline_1m") == {"result": None, "id": 7}
        wrong = await subscribe(socket, "btcusdt@bookTicker")
        assert "/public" in wrong["error"]["msg"]
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 8})
        async with asyncio.timeout(5):
            while (listed := await receive_json(socket)).get("id") != 8:
                assert listed["e"] == "kline"
        assert listed["result"] == ["btcusdt@kline_1m"]
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@kline_1m"], "id": 9})
        async with asyncio.timeout(5):
            while (await receive_json(socket)).get("id") != 9:
                pass
        assert not server.exchange.hub.market_audience


async def test_book_with_retail_price_improvement_streams_the_book(serving: Serving) -> None:
    async with (
        serving(clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
    ):
        names = "btcusdt@rpiDepth@500ms"
        socket = await session.ws_connect(f"{server.url}/public/stream?streams={names}")
        message = await receive_json(socket)
        assert (message["stream"], message["data"]["e"]) == (names, "depthUpdate")
        assert message["data"]["b"]


async def test_a_refused_stream_says_whether_its_symbol_or_its_form_is_unknown(
    serving: Serving,
) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(server.url + "/market/ws")
        for name, words in (("foousdt@kline_1m", "no symbol for stream"), ("x@y", "no stream")):
            refused = await subscribe(socket, name)
            assert f"Invalid request: {words} '{name}'" in refused["error"]["msg"]


async def test_combined_streams_are_wrapped(serving: Serving) -> None:
    async with (
        serving(clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
    ):
        names = "btcusdt@bookTicker/ethusdt@bookTicker"
        socket = await session.ws_connect(f"{server.url}/public/stream?streams={names}")
        message = await receive_json(socket)
        assert message["stream"] in names
        assert message["data"]["e"] == "bookTicker"


async def test_idle_minutes_are_one_step_with_all_closed_candles(serving: Serving) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m", "ethusdt@kline_1m")
        for minute in range(1, 4):
            messages = [await receive_json(client.market), await receive_json(client.market)]
            assert [(m["s"], m["k"]["x"]) for m in messages] == [
                ("BTCUSDT", True),
                ("ETHUSDT", True),
            ]
            time = START + minute * MINUTE_MS
            assert {m["E"] for m in messages} == {time}
            assert messages[0]["k"]["T"] == time - 1
            assert server.replay.now == time
            await client.acknowledge(time)


async def test_a_stepper_that_was_given_up_is_waited_for_again_once_it_answers(
    serving: Serving,
) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        clock = server.clock
        assert isinstance(clock, LockstepMarketClock)
        clock._timeout_s = 0.1
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m")
        first = await receive_json(client.market)
        await until(lambda: clock.timeouts == 1)
        clock._timeout_s = 30.0
        await client.acknowledge(first["E"])
        second = await receive_json(client.market)
        assert second["E"] == first["E"] + MINUTE_MS
        assert list(clock.steppers.values()) == [first["E"]]


async def test_market_waits_until_every_stepper_has_acknowledged(serving: Serving) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m")
        async with session.post(server.url + "/sandbox/clock/register") as response:
            other = (await response.json())["stepper"]
        await client.acknowledge((await receive_json(client.market))["E"])
        second = await receive_json(client.market)
        await client.acknowledge(second["E"])
        clock = server.clock
        assert isinstance(clock, LockstepMarketClock)
        await until(lambda: clock.steppers["stepper-1"] == second["E"])
        _, seen = await client.rest.plain("GET", "/sandbox/status")
        assert seen["market_time"] == second["E"]
        body = {"stepper": other, "time": second["E"]}
        async with session.post(server.url + "/sandbox/clock/ack", json=body) as response:
            assert response.status == 200
        assert (await receive_json(client.market))["E"] > second["E"]


async def test_replay_waits_for_a_stepper_and_finishes_at_the_end_of_the_span(
    serving: Serving,
) -> None:
    async with serving(clock="lockstep", end=START + 3 * MINUTE_MS) as server:
        assert server.replay.steps == 0
        async with aiohttp.ClientSession() as session:
            client = Stepper(session, server.url)
            await client.connect("btcusdt@kline_1m")
            for _ in range(3):
                await client.acknowledge((await receive_json(client.market))["E"])
            await until(lambda: server.replay.finished)
            async with session.get(server.url + "/sandbox/status") as response:
                status = await response.json()
    assert (status["finished"], status["steps"], status["timeouts"]) == (True, 3, 0)
    assert status["market_time"] == START + 3 * MINUTE_MS


async def test_minute_of_an_open_position_walks_to_the_stop_first(serving: Serving) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m", "btcusdt@aggTrade")
        entry = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        first = await receive_json(client.market)
        assert (await client.rest.signed("POST", "/fapi/v1/order", **entry))[0] == 200
        stop = {
            "algoType": "CONDITIONAL",
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "STOP_MARKET",
            "triggerPrice": "99950",
            "closePosition": "true",
            "clientAlgoId": "n1-stop",
        }
        assert (await client.rest.signed("POST", "/fapi/v1/algoOrder", **stop))[0] == 200
        await client.acknowledge(first["E"])
        running = await receive_json(client.market)
        assert (running["k"]["x"], running["k"]["c"]) == (False, "99950.00")
        trade = await receive_json(client.market)
        assert (trade["e"], trade["p"]) == ("aggTrade", "99950.00")
        kinds = [(await receive_json(client.user)) for _ in range(12)]
    assert [_short(event) for event in kinds] == [
        "ORDER_TRADE_UPDATE NEW",
        "ACCOUNT_UPDATE 0.010",
        "TRADE_LITE BUY",
        "ORDER_TRADE_UPDATE TRADE",
        "ALGO_UPDATE NEW",
        "ALGO_UPDATE TRIGGERING",
        "ALGO_UPDATE TRIGGERED",
        "ORDER_TRADE_UPDATE NEW",
        "ACCOUNT_UPDATE 0.000",
        "TRADE_LITE SELL",
        "ORDER_TRADE_UPDATE TRADE",
        "ALGO_UPDATE FINISHED",
    ]
    assert kinds[-2]["o"]["c"] == "n1-stop"
    assert kinds[-2]["o"]["L"] == "99949.90"
    assert kinds[-2]["E"] == trade["E"]


def _short(event: Any) -> str:
    detail = {
        "ORDER_TRADE_UPDATE": lambda: event["o"]["x"],
        "ALGO_UPDATE": lambda: event["o"]["X"],
        "ACCOUNT_UPDATE": lambda: event["a"]["P"][0]["pa"],
        "TRADE_LITE": lambda: event["S"],
    }
    return f"{event['e']} {detail[event['e']]()}"


async def test_next_candle_opens_at_its_recorded_price(serving: Serving, tmp_path: Path) -> None:
    rows = [(100.0, 101.0, 99.0, 100.5), (102.0, 103.0, 101.0, 102.5)]
    write_candles(tmp_path / "gap", "AAAUSDT", rows)
    async with (
        serving(clock="lockstep", candles=tmp_path / "gap") as server,
        aiohttp.ClientSession() as session,
    ):
        client = Stepper(session, server.url)
        await client.connect("aaausdt@kline_1m")
        assert (await receive_json(client.market))["k"]["c"] == "100.5"
        _, price = await client.rest.plain("GET", "/fapi/v2/ticker/price?symbol=AAAUSDT")
        assert price["price"] == "102.0"


async def test_longer_bars_close_with_their_last_minute(serving: Serving) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_5m", "btcusdt_perpetual@continuousKline_1m")
        closed = []
        for _ in range(6):
            five, one = await receive_json(client.market), await receive_json(client.market)
            assert one["e"] == "continuous_kline"
            assert one["k"]["x"]
            closed.append((five["k"]["x"], five["k"]["t"], five["k"]["v"]))
            await client.acknowledge(five["E"])
    later = START + 5 * MINUTE_MS
    assert closed == [
        (False, START, "10.000"),
        (False, START, "20.000"),
        (False, START, "30.000"),
        (False, START, "40.000"),
        (True, START, "50.000"),
        (False, later, "10.000"),
    ]


async def test_recorded_funding_is_paid_at_its_time(serving: Serving, tmp_path: Path) -> None:
    write_candles(tmp_path / "usdm" / "usdm", "BTCUSDT", calm(100_000.0, 10))
    times = pa.array([START + 2 * MINUTE_MS + 3], pa.timestamp("ms", "UTC"))
    (tmp_path / "usdm" / "funding" / "usdm").mkdir(parents=True)
    pq.write_table(
        pa.table({"funding_time": times, "funding_rate": [0.0001]}),
        tmp_path / "usdm" / "funding" / "usdm" / "BTCUSDT.parquet",
    )
    async with (
        serving(clock="lockstep", candles=tmp_path / "usdm" / "usdm") as server,
        aiohttp.ClientSession() as session,
    ):
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m")
        first = await receive_json(client.market)
        entry = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        await client.rest.signed("POST", "/fapi/v1/order", **entry)
        time = first["E"]
        while time < START + 2 * MINUTE_MS:
            await client.acknowledge(time)
            time = (await receive_json(client.market))["E"]
        _, rows = await client.rest.signed("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
        assert [(row["income"], row["time"]) for row in rows] == [("-0.10000000", time)]
        _, rates = await client.rest.plain("GET", "/fapi/v1/fundingRate?symbol=BTCUSDT")
        assert rates == []  # its recorded time is three milliseconds later
        _, index = await client.rest.plain("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")
        assert index["lastFundingRate"] == "0.00010000"


async def test_path_of_a_minute_stops_at_the_prices_that_a_stepper_watches(
    serving: Serving,
) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m", "btcusdt@aggTrade")
        entry = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        time = (await client.step())[-1]["E"]
        await client.rest.signed("POST", "/fapi/v1/order", **entry)
        waited = {"BTCUSDT": [99_950.04, 100_049.96], "ETHUSDT": [2_499]}
        await client.clock.send_json({"time": time, "watch": waited})
        prices = []
        while time < START + 2 * MINUTE_MS:
            messages = await client.step()
            prices += [float(m["p"]) for m in messages if m["e"] == "aggTrade"]
            time = messages[-1]["E"]
            await client.clock.send_json({"time": time, "watch": waited})
        down, up = [99_950.0, 99_900.0], [99_950.1, 100_050.0, 100_100.0]
        assert prices == [*down, *up, 100_049.9, 100_000.0]


async def test_malformed_acknowledgement_is_ignored(serving: Serving) -> None:
    async with serving(clock="lockstep") as server, aiohttp.ClientSession() as session:
        client = Stepper(session, server.url)
        await client.connect("btcusdt@kline_1m")
        time = (await client.step())[-1]["E"]
        senseless = [
            "",
            "soon",
            "[]",
            "null",
            '{"watch": {}}',
            '{"time": 1, "watch": {"X": ["a"]}}',
        ]
        for text in senseless:
            await client.clock.send_str(text)
        await client.acknowledge(time)
        assert (await client.step())[-1]["E"] == time + MINUTE_MS
        assert server.replay.now == time + MINUTE_MS


async def test_countdown_cancels_orders_unless_it_is_renewed(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        await rest.signed("POST", "/fapi/v1/order", **order, quantity="0.010", price="99000")
        path, account = "/fapi/v1/countdownCancelAll", server.exchange.engine.core.accounts["main"]
        await rest.signed("POST", path, symbol="BTCUSDT", countdownTime="60000")
        assert len(account.open_orders) == 1
        await rest.signed("POST", path, symbol="BTCUSDT", countdownTime="20")
        await until(lambda: not account.open_orders)


async def test_streams_can_be_muted_and_disconnected(serving: Serving) -> None:
    async with (
        serving(clock="accelerated", speed=60.0) as server,
        aiohttp.ClientSession() as session,
    ):
        socket = await session.ws_connect(server.url + "/market/ws/btcusdt@kline_1m")
        await receive_json(socket)
        sent = server.exchange.hub.messages
        fault = {"kind": "mute_market"}
        await session.post(server.url + "/sandbox/fault", json=fault)
        await until(lambda: server.exchange.hub.messages > sent + 1)
        assert not socket.closed
        fresh = await session.ws_connect(server.url + "/market/ws/btcusdt@kline_1m")
        await receive_json(fresh)
        await session.post(server.url + "/sandbox/fault", json={"kind": "disconnect_market"})
        async with asyncio.timeout(5):
            while (await fresh.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert fresh.closed


async def test_forced_listen_key_expiry_is_announced(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        _, response = await rest.plain("POST", "/fapi/v1/listenKey")
        key = response["listenKey"]
        assert (await rest.plain("POST", "/fapi/v1/listenKey"))[1]["listenKey"] == key
        socket = await session.ws_connect(f"{server.url}/private/ws?listenKey={key}")
        await session.post(server.url + "/sandbox/fault", json={"kind": "expire_listen_key"})
        assert (await receive_json(socket))["e"] == "listenKeyExpired"
        assert (await rest.plain("PUT", "/fapi/v1/listenKey"))[1]["code"] == -1125
        stale = await session.ws_connect(f"{server.url}/private/ws?listenKey={key}")
        assert "not active" in (await receive_json(stale))["error"]["msg"]


async def test_silent_stepper_is_dropped_after_the_timeout() -> None:
    clock = LockstepMarketClock(timeout_s=0.05)
    clock.set_audience(True)
    clock.register()
    await clock.after(START)
    assert (clock.timeouts, clock.steppers) == (1, {})


async def test_stepper_of_a_dead_client_is_forgotten_when_it_registers_again() -> None:
    clock = LockstepMarketClock()
    clock.set_audience(True)
    first = clock.register()
    clock.set_audience(False)
    clock.set_audience(True)
    second = clock.register()
    assert list(clock.steppers) == [second]
    assert not clock.acknowledge(first, START)
