"""Latency of the executor: from a closed candle to the bytes of its order.

    python benchmarks/executor_latency.py [--entries 300] [--ticks 1000]

The real parts run: feed, bus, strategy, risk, the intent's commit on disk, the order's signature.
Only the socket is missing; the clock stops when the signed request is handed to it. Meanwhile
prices of open positions come in at ``--ticks`` a second. The trigger check of 100 positions and the
throughput of the bus are taken as well. On a busy machine, only processor time shows what one core
does. Targets: 1 ms at the median and 5 ms at 99 % with 1,000
ticks a second, 1 ms for 100 positions, 50,000 events a second.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import Any

import uvloop
from _targets import Targets

from executor.builder import Executor, build
from executor.bus.bus import Bus
from executor.bus.events import AnyEvent, EventMaker, EventType
from executor.ledger.store import Ledger
from executor.model import (
    AccountUpdate,
    Balance,
    CandleUpdate,
    Instrument,
    InstrumentId,
    MarketEvent,
    NewOrder,
    OrderState,
    OrderUpdate,
    StreamState,
    Tick,
    UserEvent,
    VenueFill,
    VenueOrder,
    VenuePosition,
    Wallet,
    instrument_id,
)
from executor.runtime.activity import Activity
from executor.runtime.clock import ReplayClock
from executor.runtime.garbage import keep_loaded_objects
from executor.settings import Settings
from executor.strategy.runner import RunnerPlan, StrategyRunner
from executor.venues.binance_usdm.client import BinanceUsdm
from executor.venues.interface import VenueConnection
from trading.candles import MINUTE_MS, Candle
from trading.positions.position import ExitRules, Position
from trading.strategies.decider import Decider, Decision
from trading.strategies.registry import get_strategy

VENUE = "binance_usdm"
SYMBOLS = [instrument_id(f"COIN{number}USDT", VENUE) for number in range(20)]
USDT = Wallet(VENUE, "USDT")
LOCAL = {"rest_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1"}
PRICE = 100.0
EVENTS, POSITIONS = 100_000, 100


class Silent:
    """A stream that says nothing."""

    async def run(self, sink: Any) -> None:
        """Say nothing."""
        del sink
        await asyncio.Event().wait()

    async def renew(self) -> None:
        """Nothing is to be renewed."""

    async def watch_prices(self, symbols: frozenset[InstrumentId]) -> None:
        """Nothing is subscribed."""
        del symbols

    async def set_symbols(self, symbols: frozenset[InstrumentId]) -> None:
        """Nothing is subscribed."""
        del symbols


class MeasuredVenue(BinanceUsdm):
    """The adapter with its signing; answers come from memory, and fills at once."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings, "key", "secret")
        self.signed_at = self.signed_cpu = 0.0
        self.filled_at = 0.0
        """Wall time (s) of the last fill."""
        self.sink: Any = None
        self.orders: dict[str, VenueOrder] = {}
        self._transport._ccxt.fetch = self._fetch
        self._number = 0

    async def _fetch(self, *_: Any) -> dict[str, Any]:
        """Take the place of the socket."""
        if not self.signed_at:
            self.signed_at, self.signed_cpu = time.perf_counter(), time.process_time()
        self._number += 1
        return {"orderId": self._number, "algoId": self._number, "symbol": "X", "status": "NEW"}

    async def place(self, order: NewOrder) -> VenueOrder:
        """Send, and fill a market order."""
        answer = await super().place(order)
        resting = replace(
            answer,
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            kind=order.kind,
            close_position=order.close_position,
            conditional=order.conditional,
            trigger_price=order.trigger_price or Decimal(0),
            status=OrderState.ACCEPTED,
        )
        self.orders[order.client_id] = resting
        if not order.conditional:
            self._fill(order, resting)
        return resting

    def _fill(self, order: NewOrder, resting: VenueOrder) -> None:
        quantity = order.quantity or Decimal(0)
        filled = replace(resting, status=OrderState.FILLED, filled=quantity)
        self.orders[order.client_id] = filled
        fill = VenueFill(
            order.symbol,
            filled.exchange_id,
            filled.exchange_id,
            order.side,
            Decimal(str(PRICE)),
            quantity,
            Decimal("0.01"),
            "USDT",
            Decimal(0),
            1,
            order.client_id,
        )
        self.filled_at = time.time()
        self.sink(OrderUpdate(filled, fill, 1))

    async def open_orders(self, symbol: InstrumentId | None = None) -> list[VenueOrder]:
        """What rests in memory."""
        resting = (order for order in self.orders.values() if order.resting)
        return [order for order in resting if symbol in (None, order.symbol)]

    async def cancel(self, order: VenueOrder) -> None:
        """Forget the order."""
        self.orders.pop(order.client_id, None)

    async def positions(self) -> list[VenuePosition]:
        """Positions are not listed here."""
        return []

    async def balances(self) -> dict[str, Balance]:
        """Enough for all orders."""
        return {"USDT": Balance(Decimal(1_000_000), Decimal(1_000_000))}

    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        """All trades were reported."""
        del symbol, start_ms, order_id
        return []


class Always(Decider):
    """Decides like its strategy, and then enters."""

    def on_candle(self, candle: Candle) -> Decision:
        """Enter on every candle."""
        return replace(super().on_candle(candle), action="enter", side=1, reason="benchmark")


def assembled(folder: Path) -> tuple[Executor, MeasuredVenue]:
    """An executor with a strategy on every symbol."""
    settings = Settings.model_validate(
        {
            "mode": "replay",
            "account": "benchmark",
            "paths": {"published": folder / "p", "state": folder},
            "venues": {VENUE: LOCAL},
            "risk": {"max_concurrent": 50, "max_orders_per_minute": 600, "warmup_candles": 0},
        }
    )
    venue = MeasuredVenue(settings.venues[VENUE])
    connection = VenueConnection(venue, Silent(), Silent())
    executor = build(
        settings, ReplayClock(MINUTE_MS), Ledger(folder / "ledger.sqlite"), [connection]
    )
    venue.sink = executor.on_user_event
    one = Decimal(1)
    executor.portfolio.learn(
        {s: Instrument(s, one / 100, one / 1000, one / 1000, one * 1000, one) for s in SYMBOLS}
    )
    executor.portfolio.balances[USDT] = Balance(Decimal(1_000_000), Decimal(1_000_000))
    executor.releases.valid = lambda: True  # type: ignore[method-assign]
    executor.subscribe_signals()
    executor.subscribe_market()
    strategy = get_strategy("breakout")
    params = strategy.resolve({"filters": "off", "stop_loss": 0.02, "take_profit": 0.02})
    executor.signal_engine.swap(
        [
            StrategyRunner(
                RunnerPlan("breakout", symbol, params, "20250620T000000Z-abcdefgh", "abcdefgh"),
                Always(strategy, params, MINUTE_MS),
                0,
            )
            for symbol in SYMBOLS
        ]
    )
    return executor, venue


async def ticking(executor: Executor, a_second: int) -> None:
    """Prices of all symbols, evenly."""
    began, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began) * a_second)
        while sent < due:
            symbol = SYMBOLS[sent % len(SYMBOLS)]
            event: MarketEvent = Tick(symbol, PRICE + 0.001 * (sent % 7), 0)
            executor.feed.push(event)
            sent += 1
        await asyncio.sleep(0.001)


async def entry_latencies(
    folder: Path, entries: int, ticks: int
) -> tuple[list[float], list[float]]:
    """Milliseconds from each closed candle to its signed order: wall and processor time."""
    executor, venue = assembled(folder)
    services = executor.services
    executor.feed.push(StreamState(VENUE, "market", True))
    executor.feed.start_at(SYMBOLS, MINUTE_MS)
    tasks = [
        asyncio.create_task(work)
        for work in (services.bus.run(), executor.execution_reports.run(), ticking(executor, ticks))
    ]
    keep_loaded_objects()
    found, used = [], []
    for number in range(entries):
        latency, cpu = await one_entry(executor, venue, number)
        found.append(latency)
        used.append(cpu)
        # The executor does it every ten seconds, in which nobody makes so many entries.
        await services.ledger.checkpoint()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await services.stop_tasks()
    await venue.close()
    services.ledger.close()
    return found, used


async def one_entry(executor: Executor, venue: MeasuredVenue, number: int) -> tuple[float, float]:
    """Milliseconds from a closed candle to its signed order; the position is closed again."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    minute = executor.feed._last_open[symbol] + MINUTE_MS
    candle = Candle(minute, PRICE, PRICE, PRICE, PRICE, 1.0)
    await asyncio.sleep(0.005)
    venue.signed_at = 0.0
    began, cpu = time.perf_counter(), time.process_time()
    executor.feed.push(CandleUpdate(symbol, candle, True, minute + MINUTE_MS - 1))
    async with asyncio.timeout(10):
        while not venue.signed_at:
            await asyncio.sleep(0)
    taken = (venue.signed_at - began) * 1000, (venue.signed_cpu - cpu) * 1000
    holding = executor.portfolio.holding(symbol)
    async with asyncio.timeout(10):
        while holding is not None and not (holding.filled and holding.protected):
            await asyncio.sleep(0.001)
    assert holding is not None
    executor.closer.close(holding, "benchmark", None)
    await holding.wait_closed(10)
    report: UserEvent = AccountUpdate(USDT, False, Decimal(1_000_000), Decimal(0), number)
    executor.execution_reports.push(report)
    return taken


async def bus_rate() -> float:
    """Events a second through a bus with one plain handler."""
    seen = 0

    def handler(_event: AnyEvent) -> None:
        nonlocal seen
        seen += 1

    bus = Bus(Activity(), dead_letter=lambda *_: None, on_overflow=lambda _: None)
    bus.subscribe(EventType.POSITION_UPDATED, "count", handler)
    make = EventMaker(1, lambda: 0)
    task = asyncio.create_task(bus.run())
    began = time.perf_counter()
    for number in range(EVENTS):
        bus.publish(make(EventType.POSITION_UPDATED, symbol=SYMBOLS[number % 20]))
        if number % 500 == 0:
            await asyncio.sleep(0)
    while seen < EVENTS:
        await asyncio.sleep(0)
    rate = EVENTS / (time.perf_counter() - began)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return rate


def trigger_ms() -> float:
    """Milliseconds for the exit rules of many positions on one price each."""
    rules = ExitRules(stop_loss=0.02, take_profit=0.04, trailing_stop=0.01, trailing_arm=0.01)
    held = [Position(1, PRICE, 1.0, 0, rules) for _ in range(POSITIONS)]
    best = float("inf")
    for turn in range(50):
        began = time.perf_counter()
        for position in held:
            position.on_price(PRICE + 0.001 * turn, turn)
        best = min(best, time.perf_counter() - began)
    return best * 1000


def main() -> None:
    """Take the figures and compare them with their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=300)
    parser.add_argument("--ticks", type=int, default=1_000)
    options = parser.parse_args()
    targets = Targets()
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        found, used = runner.run(entry_latencies(Path(folder), options.entries, options.ticks))
        rate = runner.run(bus_rate())
    cuts = quantiles(used, n=100)
    print(f"processor time alone: median {cuts[49]:.2f} ms, 99 % {cuts[98]:.2f} ms")
    cuts = quantiles(found, n=100)
    targets.at_most("candle to order, median", cuts[49], 1.0, "ms")
    targets.at_most("candle to order, 99 %", cuts[98], 5.0, "ms")
    targets.at_least("bus", rate, 50_000, "events/s")
    targets.at_most(f"triggers of {POSITIONS} positions", trigger_ms(), 1.0, "ms")
    targets.finish()


if __name__ == "__main__":
    main()
