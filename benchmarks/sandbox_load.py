"""Load of the sandbox exchange: signed orders, stream messages to one client, memory over a month.

    python benchmarks/sandbox_load.py [--orders 10000] [--minutes 43200]

The server runs in its own process, on one core when the platform can pin it, and the clients here.
Targets: at least 2,000 signed orders/s, at least 20,000 stream messages/s, a month of one symbol
at least 1,000 times as fast as the wall, memory flat over it. Rates are given per wall second and
per second of the server's processor time: on a machine that does other work, only the latter tells
what one core does.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = 1_735_689_600_000  # 2025-01-01
ORDERS, MESSAGES, TIMES, GROWTH_MIB = 2_000, 20_000, 1_000, 5
STREAMS = ("aggTrade", "bookTicker", "avgPrice", "kline_1m", "miniTicker", "trade", "depth5")


def write_walk(folder: Path, symbols: list[str], minutes: int) -> None:
    """Candles of a random walk with a fixed seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, symbol in enumerate(symbols):
        generator = np.random.default_rng(seed)
        close = np.round(50_000 * np.exp(np.cumsum(generator.normal(0, 0.0004, minutes))), 1)
        opened = np.concatenate([[50_000.0], close[:-1]])
        spread = np.round(np.abs(generator.normal(0, 20, minutes)), 1)
        times = pa.array(START + np.arange(minutes) * 60_000, pa.timestamp("ms", "UTC"))
        table = {
            "open_time": times,
            "open": opened,
            "high": np.maximum(opened, close) + spread,
            "low": np.minimum(opened, close) - spread,
            "close": close,
            "volume": np.full(minutes, 25.0),
        }
        pq.write_table(pa.table(table), folder / f"{symbol}.parquet")


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """A sandbox in its own process: its URL and process id."""
    command = [sys.executable, "-m", "cli", "sandbox", "serve", "--candles", str(folder)]
    command += ["--weight-limit", "1000000000", "--no-count-orders", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {0})
        try:
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def status(url: str) -> dict[str, Any]:
    """`GET /sandbox/status`."""
    with urllib.request.urlopen(f"{url}/sandbox/status", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_s(pid: int) -> float:
    """Processor time that a process has used (s)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rated(pid: int, work: Callable[[], float]) -> dict[str, int]:
    """A rate per wall second, and per second of the server's processor time."""
    used, began = processor_s(pid), time.perf_counter()
    rate = work()
    share = (processor_s(pid) - used) / (time.perf_counter() - began)
    return {"per_wall_s": round(rate), "per_processor_s": round(rate / share)}


def sign(payload: str) -> str:
    """HMAC-SHA256, hexadecimal."""
    return hmac.new(b"sandbox", payload.encode(), hashlib.sha256).hexdigest()


async def orders_by_socket(url: str, path: str, count: int, window: int) -> float:
    """Signed `order.place` calls per second over one socket with ``window`` of them under way."""
    ws = url.replace("http", "ws", 1)
    async with aiohttp.ClientSession() as session, session.ws_connect(ws + path) as socket:
        answered = 0
        sent = 0
        began = time.perf_counter()
        while answered < count:
            while sent < count and sent - answered < window:
                side = "BUY" if sent % 2 == 0 else "SELL"
                params = {
                    "apiKey": "sandbox",
                    "quantity": "0.010",
                    "side": side,
                    "symbol": "BTCUSDT",
                    "timestamp": time.time_ns() // 1_000_000,
                    "type": "MARKET",
                }
                payload = "&".join(f"{name}={value}" for name, value in params.items())
                params["signature"] = sign(payload)
                await socket.send_str(
                    json.dumps({"id": sent, "method": "order.place", "params": params})
                )
                sent += 1
            answer = await socket.receive_json()
            assert answer["status"] == 200, answer
            answered += 1
        return count / (time.perf_counter() - began)


async def orders_by_rest(url: str, count: int, workers: int) -> float:
    """Signed `POST /fapi/v1/order` calls per second over ``workers`` connections."""
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


async def messages(url: str, symbols: list[str], seconds: float) -> float:
    """Stream messages per second that one client receives."""
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


def month(folder: Path, minutes: int) -> tuple[float, list[float]]:
    """Market minutes per second of a replay, and resident memory (MiB) along it."""
    with served(
        folder, "--symbols", "BTCUSDT", "--clock", "accelerated", "--speed", "10000000"
    ) as (
        url,
        pid,
    ):
        samples, began = [], time.perf_counter()
        while True:
            now = status(url)
            samples.append(resident_mib(pid))
            if now["finished"]:
                break
            time.sleep(0.5)
        return minutes / (time.perf_counter() - began), samples


def main() -> None:
    """Measure and print JSON; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--minutes", type=int, default=43_200)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    symbols = [f"S{number:02d}USDT" for number in range(20)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_walk(folder / "month", ["BTCUSDT"], options.minutes)
        write_walk(folder / "many", symbols, 10_000)
        with served(folder / "month", "--balance", "USDT=100000000") as (url, pid):
            count = options.orders
            socket = rated(
                pid, lambda: asyncio.run(orders_by_socket(url, "/ws-fapi/v1", count, 64))
            )
            rest = rated(pid, lambda: asyncio.run(orders_by_rest(url, count // 2, 16)))
        fast = ("--venue", "spot", "--clock", "accelerated", "--speed", "100000")
        with served(folder / "many", *fast) as (url, pid):
            heard = rated(pid, lambda: asyncio.run(messages(url, symbols, options.seconds)))
        pace, memory = month(folder / "month", options.minutes)
    half = len(memory) // 2
    growth = max(memory[half:]) - max(memory[: half + 1])
    times = round(pace * 60)
    figures = {
        "orders_by_websocket_api": socket,
        "orders_by_rest": rest,
        "stream_messages": heard,
        "market_minutes_per_s": round(pace),
        "memory_mib": [round(memory[0], 1), round(memory[half], 1), round(memory[-1], 1)],
        "memory_growth_second_half_mib": round(growth, 1),
    }
    print(json.dumps(figures, indent=2))
    reached = [
        verdict("signed orders by WebSocket API", socket, ORDERS),
        verdict("signed orders by REST", rest, ORDERS),
        verdict("stream messages to one client", heard, MESSAGES),
        times >= TIMES,
        growth <= GROWTH_MIB,
    ]
    word = "reached" if times >= TIMES else "MISSED"
    print(f"{'market faster than the wall':<34} {times:9d} times (at least {TIMES}): {word}")
    word = "reached" if reached[-1] else "MISSED"
    what = "memory grown in half a month"
    print(f"{what:<34} {growth:9.1f} MiB (at most {GROWTH_MIB}): {word}")
    if not all(reached):
        raise SystemExit(1)


def verdict(what: str, rate: dict[str, int], least: int) -> bool:
    """One line: the rate on one core, what it must be, and whether it is."""
    value = rate["per_processor_s"]
    word = "reached" if value >= least else "MISSED"
    wall = rate["per_wall_s"]
    print(f"{what:<34} {value:9d} /s of one core, {wall} by the clock (at least {least}): {word}")
    return value >= least


if __name__ == "__main__":
    main()
