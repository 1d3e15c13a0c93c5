"""One stream of a socket may be mute while the others flow; a socket may not come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from aiohttp import WSMsgType, web

from executor.model import CandleUpdate, MarketEvent, StreamState, instrument_id
from executor.venues.binance import sockets
from executor.venues.binance.market_stream import BinanceMarketStream
from executor.venues.binance.stream_watch import LONGEST_S, StreamWatch
from tests.executor.fakes import FakeVenue, Said, executor_on

VENUE = "binance_usdm"
BTC, ETH = instrument_id("BTCUSDT", VENUE), instrument_id("ETHUSDT", VENUE)
STALE_S = 0.4
NEVER_S = 600.0
"""The time-out of the socket itself, out of the way of that of a stream."""


class Exchange:
    """Pushes candles of what is subscribed; ``mute`` says which streams bring nothing."""

    def __init__(self, mute: Callable[[Exchange, str], bool]) -> None:
        self.mute = mute
        self.requests: list[tuple[str, tuple[str, ...]]] = []
        self.connections = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        names: set[str] = set()
        pushing = asyncio.create_task(self._push(socket, names))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    body = orjson.loads(message.data)
                    self.requests.append((body["method"], tuple(body["params"])))
                    if body["method"] == "SUBSCRIBE":
                        names.update(body["params"])
                    else:
                        names.difference_update(body["params"])
        finally:
            pushing.cancel()
        return socket

    async def _push(self, socket: web.WebSocketResponse, names: set[str]) -> None:
        while True:
            for name in sorted(names):
                if not self.mute(self, name):
                    symbol = name.partition("@")[0].upper()
                    k = {"t": 0, "o": "1", "h": "1", "l": "1", "c": "1", "v": "1", "x": False}
                    await socket.send_str(
                        orjson.dumps({"e": "kline", "E": 1, "s": symbol, "k": k}).decode()
                    )
            await asyncio.sleep(0.05)


@asynccontextmanager
async def following(
    exchange: Exchange, watch: StreamWatch | None = None
) -> AsyncIterator[tuple[BinanceMarketStream, list[MarketEvent]]]:
    """A market stream of two symbols at this exchange."""
    app = web.Application()
    app.router.add_get("/ws", exchange.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    heard: list[MarketEvent] = []
    stream = BinanceMarketStream(
        VENUE, f"ws://{host}:{port}", "/ws", NEVER_S, None, watch or StreamWatch(STALE_S)
    )
    await stream.set_symbols(frozenset({BTC, ETH}))
    running = asyncio.create_task(stream.run(heard.append))
    try:
        yield stream, heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await runner.cleanup()


def of(heard: list[MarketEvent], symbol: str) -> list[MarketEvent]:
    """The candles of one symbol."""
    return [event for event in heard if isinstance(event, CandleUpdate) and event.symbol == symbol]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_mute_stream_is_subscribed_again_while_the_other_flows() -> None:
    again = ("UNSUBSCRIBE", ("ethusdt@kline_1m",))
    exchange = Exchange(lambda x, name: name.startswith("eth") and again not in x.requests)
    async with following(exchange) as (_, heard):
        await until(lambda: bool(of(heard, ETH)))
        # Where the machine is busy the other stream may be late, too.
        assert again in exchange.requests
        assert ("SUBSCRIBE", ("ethusdt@kline_1m",)) in exchange.requests
        assert exchange.connections == 1
        assert len(of(heard, BTC)) > 5


async def test_a_stream_that_stays_mute_gets_a_new_socket() -> None:
    exchange = Exchange(lambda x, name: name.startswith("eth") and x.connections == 1)
    async with following(exchange) as (_, heard):
        await until(lambda: bool(of(heard, ETH)))
        assert exchange.connections >= 2
        states = [event.up for event in heard if isinstance(event, StreamState)]
        assert states[:3] == [True, False, True]


def test_a_quiet_stream_is_asked_ever_more_seldom() -> None:
    now = [0.0]
    watch = StreamWatch(10.0, lambda: now[0])
    asked = []
    for second in range(2_000):
        now[0] = float(second)
        watch.heard("b")
        if watch.mute(["a", "b"]):
            watch.ask(["a"])
            asked.append(second)
    assert asked[:4] == [11, 32, 73, 154]
    assert asked[-1] - asked[-2] == LONGEST_S + 1
    watch.heard("a")
    now[0] += 11
    watch.heard("b")
    assert watch.mute(["a", "b"]) == {"a"}


def test_where_silence_is_normal_nothing_is_mute() -> None:
    assert StreamWatch(None).mute(["a"]) == set()


def test_while_all_are_silent_no_try_is_used_up() -> None:
    now = [0.0]
    watch = StreamWatch(10.0, lambda: now[0])
    for second in range(100):
        now[0] = float(second)
        assert watch.mute(["a", "b"]) == set()
    watch.heard("b")
    assert watch.mute(["a", "b"]) == {"a"}
    assert not watch.hang_up(["a"])


def test_a_stream_hangs_its_socket_up_once_until_it_is_heard_again() -> None:
    watch = StreamWatch(10.0)
    watch.heard("a")
    hung_up = []
    for _ in range(6):
        hung_up.append(watch.hang_up(["a"]))
        watch.ask(["a"])
    assert hung_up == [False, False, True, False, False, False]


async def test_a_thin_stream_of_trades_does_not_hang_the_candles_up() -> None:
    now = [0.0]
    watch = StreamWatch(STALE_S, lambda: now[0])
    trades = "ethusdt@aggTrade"
    again = ("UNSUBSCRIBE", (trades,))
    exchange = Exchange(lambda _, name: name == trades)
    async with following(exchange, watch) as (stream, heard), asyncio.timeout(20):
        await stream.watch_prices(frozenset({ETH}))
        while exchange.requests.count(again) < 5:
            # Longer than its patience ever is; what flows is heard after it.
            now[0] += LONGEST_S + 1
            heard.clear()
            while len(of(heard, BTC)) < 2 or len(of(heard, ETH)) < 2:
                await asyncio.sleep(0.02)
        assert exchange.connections == 1


async def test_the_fifth_failure_in_a_row_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(_socket: object, delay: float) -> None:
        pauses.append(delay)
        await asyncio.sleep(0)

    monkeypatch.setattr(sockets.ReconnectingSocket, "_pause", pause)
    heard: list[MarketEvent] = []
    stream = BinanceMarketStream(VENUE, "ws://127.0.0.1:1", "/ws", STALE_S, None)
    running = asyncio.create_task(stream.run(heard.append))
    await until(lambda: len(pauses) >= 7)
    running.cancel()
    assert [event.failures for event in heard[:6] if isinstance(event, StreamState)] == [
        *range(1, 7)
    ]
    assert pauses[4] == sockets.COOL_DOWN_S
    assert max(pauses[:4]) <= sockets.LONGEST_DELAY_S


async def test_a_stream_that_does_not_come_back_is_said_once(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        said = Said()
        executor.services.alerts = said
        for failures in range(1, 12):
            executor.feed.push(StreamState(VENUE, "market", False, "refused", failures))
            executor.on_user_event(StreamState(VENUE, "user", False, "refused", failures))
        assert [fields["stream"] for fields in said.titled("stream does not come back")] == [
            "market",
            "user",
        ]
