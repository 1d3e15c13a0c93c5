"""Load of the sandbox exchange: signed orders, klines, and stream messages to one client.

    python benchmarks/sandbox_load.py [--orders 10000] [--seconds 8]

The server runs in its own process, on one core if the platform can pin it, with its ledger in a
file; the clients run here. Targets: at least 2,000 signed orders/s, 1,500 klines calls/s with 500
bars each, and 20,000 stream messages/s.
Rates are given per wall-clock second and per second of the server's processor time: on a busy
machine, only the latter shows what one core does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
from _sandbox import processor_s, served, sign, signed, write_walk
from _targets import Targets

ORDERS, MESSAGES, KLINES = 2_000, 20_000, 1_500
STREAMS = ("aggTrade", "bookTicker", "avgPrice", "kline_1m", "miniTicker", "trade", "depth5")


def rated(pid: int, work: Callable[[], float]) -> tuple[float, float]:
    """Return a rate per second of the server's processor time, and per wall-clock second."""
    used, began = processor_s(pid), time.perf_counter()
    rate = work()
    share = (processor_s(pid) - used) / (time.perf_counter() - began)
    return rate / share, rate


async def orders_by_socket(url: str, path: str, count: int, window: int) -> float:
    """Return signed `order.place` calls per second over one socket, ``window`` of them pending."""
    ws = url.replace("http", "ws", 1)
    async with aiohttp.ClientSession() as session, session.ws_connect(ws + path) as socket:
        answered = 0
        sent = 0
        began = time.perf_counter()
        while answered < count:
            while sent < count and sent - answered < window:
                side = "BUY" if sent % 2 == 0 else "SELL"
                order = {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": "0.010"}
                await socket.send_str(signed("order.place", sent, **order))
                sent += 1
            answer = await socket.receive_json()
            assert answer["status"] == 200, answer
            answered += 1
        return count / (time.perf_counter() - began)


async def orders_by_rest(url: str, count: int, workers: int) -> float:
    """Return signed `POST /fapi/v1/order` calls per second over ``workers`` connections."""
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": "sandbox"}) as session:

        async def work(number: int) -> None:
            for index in range(count // workers):
                side = "BUY" if (index + number) % 2 == 0 else "SELL"
                query = (
                    f"symbol=BTCUSDT&side={side}&type=MARKET&quantity=0.010"
                    f"&timestamp={time.time_ns() // 1_000_000}"
                )
                address = f"{url}/fapi/v1/order?{query}&signature={sign(query)}"
                async with session.post(address) as answer:
                    assert answer.status == 200, await answer.text()

        began = time.perf_counter()
        await asyncio.gather(*(work(number) for number in range(workers)))
        return count // workers * workers / (time.perf_counter() - began)


async def klines(url: str, count: int, workers: int) -> float:
    """Return `GET /fapi/v1/klines` calls per second, each with 500 bars."""
    address = f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=500"
    async with aiohttp.ClientSession() as session:

        async def work() -> None:
            for _ in range(count // workers):
                async with session.get(address) as answer:
                    assert answer.status == 200
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(workers)))
        return count // workers * workers / (time.perf_counter() - began)


async def messages(url: str, symbols: list[str], seconds: float) -> float:
    """Return the stream messages per second that one client receives."""
    ws = url.replace("http", "ws", 1)
    names = "/".join(f"{s.lower()}@{kind}" for s in symbols for kind in STREAMS)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{ws}/stream?streams={names}") as socket,
    ):
        await socket.receive()
        began, heard = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            await socket.receive()
            heard += 1
        return heard / (time.perf_counter() - began)


def main() -> None:
    """Measure, and check the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    symbols = [f"S{number:02d}USDT" for number in range(20)]
    count = options.orders
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_walk(folder / "one", ["BTCUSDT"], 1_440)
        write_walk(folder / "many", symbols, 10_000)
        rich = ("--balance", "USDT=100000000", "--ledger", str(folder / "ledger.sqlite"))
        with served(folder / "one", *rich) as (url, pid):
            socket = rated(
                pid, lambda: asyncio.run(orders_by_socket(url, "/ws-fapi/v1", count, 64))
            )
            rest = rated(pid, lambda: asyncio.run(orders_by_rest(url, count, 16)))
        past = ("--from", "2025-01-01T12:00:00Z")
        with served(folder / "one", *past) as (url, pid):
            bars = rated(pid, lambda: asyncio.run(klines(url, count // 2, 16)))
        fast = ("--venue", "spot", "--clock", "accelerated", "--speed", "100000")
        with served(folder / "many", *fast) as (url, pid):
            heard = rated(pid, lambda: asyncio.run(messages(url, symbols, options.seconds)))
    targets = Targets()
    for what, (by_processor, by_wall), least in (
        ("orders by WebSocket API", socket, ORDERS),
        ("orders by REST", rest, ORDERS),
        ("klines calls with 500 bars", bars, KLINES),
        ("stream messages to one client", heard, MESSAGES),
    ):
        unit = f"/s of one core, {by_wall:.0f} /s by the wall"
        targets.at_least(what, by_processor, least, unit)
    targets.finish()


if __name__ == "__main__":
    main()
