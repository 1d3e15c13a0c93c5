"""Speed and memory of the sandbox exchange over a month of one symbol.

    python benchmarks/sandbox_month.py [--minutes 43200]

First at full speed with a client that only listens to the candles; then in lockstep with a client
that trades all month: every 20 minutes it buys with a stop, moves the stop, places and cancels a
limit order, and sells. Resident memory is read at the end of each day. The history of a trading
account (orders, trades, incomes) grows, because the exchange must serve it: its target is per
order. Nothing else may grow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

import aiohttp
from _sandbox import START, resident_mib, served, signed, status, write_walk
from _targets import Targets

from trading.candles import MINUTE_MS

TIMES, IDLE_MIB, ORDER_KIB = 1_000, 5.0, 8.0
DAY = 1_440
FIRST_DAYS = 3
EVERY = 20
KLINES = "/market/ws/btcusdt@kline_1m"
SYMBOL = {"symbol": "BTCUSDT"}


async def listen(url: str, pid: int, end: int) -> tuple[float, list[float]]:
    """Listen until market time ``end``; return candles per second, and memory by day."""
    ws = url.replace("http", "ws", 1)
    memory, heard, began = [resident_mib(pid)], 0, time.perf_counter()
    async with aiohttp.ClientSession() as session, session.ws_connect(ws + KLINES) as socket:
        async for message in socket:
            bar = message.json()["k"]
            heard += bar["x"]
            if bar["x"] and (bar["T"] + 1 - START) % (DAY * MINUTE_MS) == 0:
                memory.append(resident_mib(pid))
            if bar["x"] and bar["T"] + 1 >= end:
                break
    return heard / (time.perf_counter() - began), memory


class LockstepTrader:
    """A client in lockstep: it sees each minute end, and may call before the next one begins."""

    def __init__(self, calls: aiohttp.ClientWebSocketResponse) -> None:
        self._calls = calls
        self._number = 0
        self.price = 0.0

    async def call(self, method: str, **params: str) -> None:
        """Send a signed call; a refusal (the stop has closed the position) is a response, too."""
        self._number += 1
        await self._calls.send_str(signed(method, self._number, **SYMBOL, **params))
        await self._calls.receive_json()

    async def on_minute(self, number: int) -> None:
        """Trade at the end of a minute."""
        name, trigger = f"stop{number // EVERY}", str(round(self.price * 0.99))
        stop = {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET"}
        stop |= {"triggerPrice": trigger, "closePosition": "true"}
        match number % EVERY:
            case 0:
                await self.call("order.place", side="BUY", type="MARKET", quantity="0.010")
                await self.call("algoOrder.place", **stop, clientAlgoId=name)
            case 2:
                await self.call("algoOrder.cancel", clientAlgoId=name)
                await self.call("algoOrder.place", **stop)
            case 3:
                limit = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010"}
                price = str(round(self.price * 0.96))
                named = {"newClientOrderId": name}
                await self.call("order.place", side="BUY", price=price, **limit, **named)
            case 5:
                await self.call("order.cancel", origClientOrderId=name)
            case 6:
                closing = {"type": "MARKET", "reduceOnly": "true"}
                await self.call("order.place", side="SELL", quantity="0.010", **closing)


async def trade(url: str, pid: int, end: int) -> tuple[float, list[float]]:
    """Trade in lockstep until market time ``end``; return minutes per second, and memory by day."""
    ws = url.replace("http", "ws", 1)
    memory, began = [resident_mib(pid)], time.perf_counter()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(ws + KLINES) as candles,
        session.ws_connect(f"{ws}/ws-fapi/v1") as calls,
        session.ws_connect(f"{ws}/sandbox/clock/ws?announce=1") as clock,
    ):
        trader, now = LockstepTrader(calls), (await clock.receive_json())["time"]
        listening = asyncio.create_task(follow(candles, trader))
        while now < end:
            now = (await clock.receive_json())["time"]
            if now % MINUTE_MS == 0 and trader.price:
                await trader.on_minute((now - START) // MINUTE_MS)
            if now % (DAY * MINUTE_MS) == 0:
                memory.append(resident_mib(pid))
            await clock.send_str(str(now))
        listening.cancel()
    return (end - START) / MINUTE_MS / (time.perf_counter() - began), memory


async def follow(candles: aiohttp.ClientWebSocketResponse, trader: LockstepTrader) -> None:
    """Pass each price to the trader."""
    async for message in candles:
        trader.price = float(message.json()["k"]["c"])


def grown(memory: list[float]) -> float:
    """Return how much memory grew after the first days (MiB)."""
    return max(memory[FIRST_DAYS:]) - memory[FIRST_DAYS]


def main() -> None:
    """Measure, and check the targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=43_200)
    minutes = parser.parse_args().minutes
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    end = START + minutes * MINUTE_MS
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_walk(folder / "month", ["BTCUSDT"], minutes)
        fast = ("--clock", "accelerated", "--speed", "10000000")
        with served(folder / "month", *fast) as (url, pid):
            pace, idle = asyncio.run(listen(url, pid, end))
        lockstep = ("--clock", "lockstep", "--ledger", str(folder / "ledger.sqlite"))
        with served(folder / "month", *lockstep, "--balance", "USDT=100000") as (url, pid):
            traded, busy = asyncio.run(trade(url, pid, end))
            account = status(url)["accounts"]["main"]
    print(f"memory by day, idle (MiB): {' '.join(f'{m:.1f}' for m in idle)}")
    print(f"memory by day, trading (MiB): {' '.join(f'{m:.1f}' for m in busy)}")
    print(f"{account['orders']} orders and {account['fills']} trades in the month")
    later = account["orders"] * (1 - FIRST_DAYS * DAY / minutes)
    targets = Targets()
    targets.at_least("market over wall, client listens", pace * 60, TIMES)
    targets.at_least("market over wall, client trades", traded * 60, TIMES)
    targets.at_most("memory grown, client listens", grown(idle), IDLE_MIB, "MiB")
    targets.at_most("memory grown per order", grown(busy) * 1024 / later, ORDER_KIB, "KiB")
    targets.finish()


if __name__ == "__main__":
    main()
