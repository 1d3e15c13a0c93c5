"""An exchange in memory, and an executor built around it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from executor.builder import Executor, build
from executor.bus.events import EventType
from executor.ledger.records import PositionRow
from executor.ledger.store import Ledger
from executor.model import (
    ZERO,
    Balance,
    CandleUpdate,
    Capabilities,
    Instrument,
    InstrumentId,
    NewOrder,
    OrderState,
    OrderUpdate,
    Protection,
    StreamState,
    Tick,
    Transfer,
    UserEvent,
    VenueFill,
    VenueOrder,
    VenuePosition,
    Wallet,
    instrument_id,
)
from executor.runtime.clock import ReplayClock
from executor.settings import Settings
from executor.strategy.signal import Levels, Signal
from executor.venues.faults import VenueFaultError
from executor.venues.interface import VenueConnection
from trading.candles import MINUTE_MS, Candle
from trading.order_ids import order_key
from trading.strategies.registry import get_strategy

MINUTE = MINUTE_MS
VENUE = "binance_usdm"
BTCUSDT = instrument_id("BTCUSDT", VENUE)
ETHUSDT = instrument_id("ETHUSDT", VENUE)
USDT = Wallet(VENUE, "USDT")
LOCAL = {"rest_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1"}
MARGIN = Capabilities(Protection.EXCHANGE_STOP, short_selling=True, margin=True, reduce_only=True)
BTC = Instrument(
    BTCUSDT,
    Decimal("0.1"),
    Decimal("0.001"),
    Decimal("0.001"),
    Decimal(100),
    Decimal(5),
    base_asset="BTC",
)


class FakeVenue:
    """Fills market orders at ``price`` and lets conditional ones rest; faults are scripted."""

    offset_ms = 0
    capabilities = MARGIN

    def __init__(self, name: str = VENUE) -> None:
        self.name = name
        self.time = MINUTE
        self.price = Decimal(50_000)
        self.orders: dict[str, VenueOrder] = {}
        self.fills: list[VenueFill] = []
        self.held: dict[InstrumentId, Decimal] = {}
        self.entry: dict[InstrumentId, Decimal] = {}
        self.faults: list[VenueFaultError] = []
        """Raised by the next requests to place an order, before anything happens."""
        self.lost_answers: list[VenueFaultError] = []
        """Raised after the order was taken."""
        self.leverages: dict[InstrumentId, int] = {}
        self.leverage_faults: list[VenueFaultError] = []
        self.paid: list[Transfer] = []
        self.mute = False
        self.stale_positions: list[list[VenuePosition]] = []
        """Answers to the next requests for positions: a list that lags behind the trades."""
        self.unreachable: list[VenueFaultError] = []
        """Raised by the next requests for positions."""
        self.sink: Callable[[UserEvent], None] = lambda _event: None
        self._ids = itertools.count(1)

    async def connect(
        self, symbols: Sequence[InstrumentId], leverage: int
    ) -> dict[InstrumentId, Instrument]:
        self.leverages |= dict.fromkeys(symbols, leverage)
        return {symbol: replace(BTC, symbol=symbol) for symbol in symbols}

    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        return [transfer for transfer in self.paid if transfer.time >= start_ms]

    async def set_leverage(self, symbol: InstrumentId, leverage: int) -> None:
        if self.leverage_faults:
            raise self.leverage_faults.pop(0)
        self.leverages[symbol] = leverage

    async def key_permissions(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        del symbol, interval, start_ms, end_ms
        return []

    async def last_price(self, symbol: InstrumentId) -> float:
        del symbol
        return float(self.price)

    async def balances(self) -> dict[str, Balance]:
        return {"USDT": Balance(Decimal(10_000), Decimal(10_000))}

    async def convert_dust(self, asset: str) -> None:
        del asset

    async def positions(self) -> list[VenuePosition]:
        if self.unreachable:
            raise self.unreachable.pop(0)
        if self.stale_positions:
            return self.stale_positions.pop(0)
        return [VenuePosition(s, q, self.entry[s]) for s, q in self.held.items() if q != 0]

    async def open_orders(self, symbol: InstrumentId | None = None) -> list[VenueOrder]:
        resting = [order for order in self.orders.values() if order.resting]
        return [order for order in resting if symbol in (None, order.symbol)]

    async def place(self, order: NewOrder) -> VenueOrder:
        if self.faults:
            raise self.faults.pop(0)
        number = str(next(self._ids))
        placed = VenueOrder(
            order.client_id,
            number,
            order.symbol,
            order.side,
            order.kind.value,
            OrderState.ACCEPTED,
            order.quantity or ZERO,
            trigger_price=order.trigger_price or ZERO,
            close_position=order.close_position,
            reduce_only=order.reduce_only,
            conditional=order.conditional,
        )
        self.orders[order.client_id] = placed
        if not order.conditional:
            self.fill(order.client_id, order.quantity or ZERO)
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return placed

    def fill(self, client_id: str, quantity: Decimal) -> None:
        """Execute an order and report it on the user stream, unless that is mute."""
        order = replace(self.orders[client_id], status=OrderState.FILLED, filled=quantity)
        self.orders[client_id] = order
        trade = VenueFill(
            order.symbol,
            str(next(self._ids)),
            order.exchange_id,
            order.side,
            self.price,
            quantity,
            Decimal("0.5"),
            "USDT",
            ZERO,
            self.time,
            client_id,
            order.liquidation,
        )
        self.fills.append(trade)
        moved = quantity if order.side == "BUY" else -quantity
        signed = self.held.get(order.symbol, ZERO) + moved
        self.held[order.symbol] = signed
        self.entry[order.symbol] = self.price
        if signed == 0:
            for other in list(self.orders.values()):
                if other.close_position and other.resting:
                    self.orders[other.client_id] = replace(other, status=OrderState.EXPIRED)
        if not self.mute:
            self.sink(OrderUpdate(order, trade, self.time))

    async def query(
        self, symbol: InstrumentId, client_id: str, *, conditional: bool
    ) -> VenueOrder | None:
        del symbol, conditional
        return self.orders.get(client_id)

    async def cancel(self, order: VenueOrder) -> None:
        self.orders[order.client_id] = replace(
            self.orders[order.client_id], status=OrderState.CANCELLED
        )

    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        del start_ms
        found = [f for f in self.fills if f.symbol == symbol and order_id in (None, f.order_id)]
        return [replace(fill, client_id="") for fill in found]

    async def recent_orders(self, symbol: InstrumentId, start_ms: int) -> list[VenueOrder]:
        del start_ms
        return [o for o in self.orders.values() if o.symbol == symbol and not o.conditional]


class SilentStream:
    """A market and user stream that says nothing."""

    async def renew(self) -> None:
        return None

    async def run(self, sink: object) -> None:
        del sink
        await asyncio.Event().wait()

    async def watch_prices(self, symbols: frozenset[InstrumentId]) -> None:
        del symbols

    async def set_symbols(self, symbols: frozenset[InstrumentId]) -> None:
        del symbols


@asynccontextmanager
async def executor_on(
    folder: Path,
    venue: FakeVenue,
    /,
    ledger: Ledger | None = None,
    now_ms: int = 2 * MINUTE,
    **changes: object,
) -> AsyncIterator[Executor]:
    """Run an executor over a fake venue, reconciled once; the market streams are silent."""
    settings = Settings.model_validate(
        {
            "mode": "replay",
            "account": "test",
            "paths": {"published": folder / "published", "state": folder},
            "venue": LOCAL,
            "protection": {"confirm_within_s": 2.0, "second_line_after_s": 0.1},
            **changes,
        }
    )
    if ledger is None:
        ledger = Ledger(folder / "ledger.sqlite")
    connection = VenueConnection(venue, SilentStream(), SilentStream())
    executor = build(settings, ReplayClock(now_ms), ledger, [connection])
    services = executor.services
    venue.sink = executor.on_user_event
    await executor.rollout.connect([BTCUSDT, ETHUSDT])
    executor.subscribe_signals()
    tasks = [
        asyncio.create_task(services.bus.run()),
        asyncio.create_task(executor.execution_reports.run()),
    ]
    executor.position_updates.load()
    await executor.order_recovery.settle()
    await executor.reconciler.run_once()
    executor.feed.push(StreamState(venue.name, "market", True))
    executor.feed.push(Tick(BTCUSDT, float(venue.price), 2 * MINUTE))
    executor.feed.seen[BTCUSDT] = 3
    executor.releases.valid = lambda: True  # type: ignore[method-assign]
    try:
        yield executor
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await services.stop_tasks()
        ledger.close()


class Said:
    """Alerts that were sent, by title and fields."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []

    def send(self, title: str, **fields: object) -> None:
        self.sent.append((title, fields))

    @property
    def failing_s(self) -> float:
        return 0.0

    def titled(self, title: str) -> list[dict[str, object]]:
        """The fields of every alert with this title."""
        return [fields for said, fields in self.sent if said == title]


def reasons(executor: Executor) -> list[str]:
    """Reasons of all refused entries, oldest first."""
    ledger = executor.services.ledger
    ledger.flush()
    rows = ledger._db.execute("select data from events where type = 'entry_refused' order by id")
    return [reason for row in rows for reason in orjson.loads(row["data"])["reasons"]]


def candle_closed(executor: Executor, symbol: InstrumentId, minute: int, close: float) -> None:
    """Close one flat 1m candle of a symbol, and move the market's time to its end."""
    end = (minute + 1) * MINUTE
    candle = Candle(minute * MINUTE, close, close, close, close, 1.0)
    executor.feed.push(CandleUpdate(symbol, candle, True, end))


async def settled(executor: Executor) -> None:
    """Wait until nothing is under way."""
    async with asyncio.timeout(20):
        await executor.services.activity.wait_idle()


def signal(executor: Executor, bar_time: int = MINUTE, **changes: Any) -> None:
    """Publish a signal of `breakout` to buy BTCUSDT, as the engine would."""
    strategy = changes.pop("strategy", "breakout")
    levels = Levels(
        changes.pop("stop_price", None), changes.pop("target_price", None), changes.pop("atr", None)
    )
    values: dict[str, Any] = {
        "symbol": BTCUSDT,
        "action": "enter",
        "side": 1,
        "reason": "test",
        "values": {},
        "confidence": None,
        "price": 50_000.0,
        "params": get_strategy(strategy).resolve({}),
        "release_id": "20250620T000000Z-abcdefgh",
        "release_short": "abcdefgh",
        "key": order_key("test", strategy, changes.get("symbol", BTCUSDT), bar_time),
        **changes,
    }
    made = Signal(strategy=strategy, levels=levels, bar_time=bar_time, **values)
    executor.services.emit(EventType.SIGNAL_GENERATED, symbol=made.symbol, payload=made)


def closed_positions(executor: Executor) -> list[PositionRow]:
    """Closed positions, oldest first."""
    ledger = executor.services.ledger
    rows = ledger._db.execute("select id from positions where status = 'closed' order by id")
    found = [ledger.position(row["id"]) for row in rows.fetchall()]
    return [position for position in found if position is not None]
