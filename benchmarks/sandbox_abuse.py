"""What clients that misbehave cost the others: the longest wait, and the sandbox's memory.

    python benchmarks/sandbox_abuse.py [--seconds 10]

The server runs in its own process, on one core if the platform can pin it. A client that behaves
asks for a ping every 10 ms, first alone, then beside floods of parameters, clients that never read
their streams, and half-sent heads. Targets: no wait over 100 ms beyond the longest one alone, and
at most 4 MiB for each client that does not read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
from _sandbox import resident_mib, served, write_walk
from _targets import Targets

STALL_MS, CLIENT_MIB = 100.0, 4.0
FLOOD = b"a=1&" * 80_000
UNREAD, HALF_SENT = 50, 300
STREAMS = ("aggTrade", "bookTicker", "avgPrice", "kline_1m", "miniTicker", "trade", "depth5")


async def longest_wait_ms(url: str, seconds: float) -> float:
    """Ask for a ping every 10 ms; return the longest wait."""
    longest, end = 0.0, time.perf_counter() + seconds
    async with aiohttp.ClientSession() as session:
        while time.perf_counter() < end:
            begun = time.perf_counter()
            async with session.get(f"{url}/api/v3/ping") as answer:
                await answer.read()
            longest = max(longest, (time.perf_counter() - begun) * 1_000)
            await asyncio.sleep(0.01)
    return longest


async def flood(url: str, end: float) -> None:
    """Send bodies with 80,000 parameters, one after the other."""
    async with aiohttp.ClientSession() as session:
        while time.perf_counter() < end:
            with suppress(aiohttp.ClientError):
                async with session.post(f"{url}/api/v3/order", data=FLOOD) as answer:
                    assert answer.status in (413, 431), answer.status


async def never_read(url: str, end: float) -> None:
    """Subscribe busy streams on raw sockets and read nothing."""
    host, port = url.removeprefix("http://").split(":")
    names = "/".join(f"btcusdt@{kind}" for kind in STREAMS)
    head = (
        f"GET /stream?streams={names} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    writers = []
    for _ in range(UNREAD):
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 10)
        writer.write(head.encode())
        writers.append((reader, writer))
    await asyncio.sleep(max(0.0, end - time.perf_counter()))
    for _, writer in writers:
        writer.transport.abort()


async def half_send(url: str, end: float) -> None:
    """Open connections and send half a head on each."""
    host, port = url.removeprefix("http://").split(":")
    writers = []
    for _ in range(HALF_SENT):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\nX-A: ")
        writers.append(writer)
    await asyncio.sleep(max(0.0, end - time.perf_counter()))
    for writer in writers:
        writer.transport.abort()


ABUSES: dict[str, Callable[[str, float], Awaitable[None]]] = {
    "floods of parameters": flood,
    f"{UNREAD} clients that never read": never_read,
    f"{HALF_SENT} half-sent heads": half_send,
}


async def beside(abuse: Callable[[str, float], Awaitable[None]], url: str, seconds: float) -> float:
    """Return the longest wait of a client beside an abuse."""
    end = time.perf_counter() + seconds
    task = asyncio.ensure_future(abuse(url, end))
    longest = await longest_wait_ms(url, seconds)
    await task
    return longest


def main() -> None:
    """Measure, and check the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    targets = Targets()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_walk(folder / "one", ["BTCUSDT"], 10_000)
        fast = ("--venue", "spot", "--clock", "accelerated", "--speed", "600")
        with served(folder / "one", *fast) as (url, pid):
            alone = asyncio.run(longest_wait_ms(url, seconds))
            print(f"{'a client alone':<36} {alone:9.4f} ms at the longest")
            before = resident_mib(pid)
            for what, abuse in ABUSES.items():
                waited = asyncio.run(beside(abuse, url, seconds))
                targets.at_most(what, max(0.0, waited - alone), STALL_MS, "ms of wait more")
            grown = (resident_mib(pid) - before) / UNREAD
            targets.at_most("memory of a client that never reads", grown, CLIENT_MIB, "MiB")
    targets.finish()


if __name__ == "__main__":
    main()
