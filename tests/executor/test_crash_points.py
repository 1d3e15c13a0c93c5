"""The executor dies at every point of a position's life, once and twice, and loses nothing.

A crash point is a moment after a commit of the ledger, or before or after a request to the
exchange. The life is lived once; at each point what a dead process leaves is kept: the ledger as
committed, and the exchange as it stands. From each of them a new executor starts.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from executor.builder import Executor
from executor.execution import order_manager, retry_policy
from executor.ledger.records import OrderRow
from executor.ledger.sqlite import SqliteConnection
from executor.ledger.store import Ledger
from executor.model import InstrumentId, NewOrder, VenueFill, VenueOrder
from executor.protection import stop_manager
from tests.executor.fakes import (
    BTCUSDT,
    LOCAL,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("toys")

SETTINGS: dict[str, Any] = {
    "risk": {"warmup_candles": 3, "max_position_share": "0.4"},
    "venue": {**LOCAL, "recv_window_ms": 100},
}


@dataclass(frozen=True)
class Remains:
    """What a process that died leaves: its ledger, and the exchange as it stands."""

    where: str
    ledger: bytes
    venue: RecordedVenue


class Recorder:
    """Keeps the remains of every crash point."""

    def __init__(self) -> None:
        self.found: list[Remains] = []
        self.venue: RecordedVenue | None = None
        self.on = True

    def point(self, where: str, ledger: sqlite3.Connection) -> None:
        """Keep what is committed now."""
        if self.on and self.venue is not None:
            path = ledger.execute("pragma database_list").fetchone()[2]
            with sqlite3.connect(path) as committed:
                self.found.append(Remains(where, committed.serialize(), self.venue.as_it_stands()))
            committed.close()


class RecordedVenue(FakeVenue):
    """An exchange whose requests are crash points."""

    def __init__(self) -> None:
        super().__init__()
        self.visit: Callable[[str], None] = lambda _where: None

    def as_it_stands(self) -> RecordedVenue:
        """Copy the exchange without those that listen to it."""
        twin = copy.copy(self)
        twin.orders, twin.fills = dict(self.orders), list(self.fills)
        twin.held, twin.entry = dict(self.held), dict(self.entry)
        twin._ids = copy.copy(self._ids)
        twin.visit, twin.sink = (lambda _where: None), (lambda _event: None)
        return twin

    async def _request(self, name: str, request: Awaitable[T]) -> T:
        self.visit(f"before {name}")
        answer = await request
        self.visit(f"after {name}")
        return answer

    async def place(self, order: NewOrder) -> VenueOrder:
        return await self._request(f"placing {order.client_id[-5:]}", super().place(order))

    async def cancel(self, order: VenueOrder) -> None:
        await self._request(f"cancelling {order.client_id[-5:]}", super().cancel(order))

    async def query(
        self, symbol: InstrumentId, client_id: str, *, conditional: bool
    ) -> VenueOrder | None:
        request = super().query(symbol, client_id, conditional=conditional)
        return await self._request(f"querying {client_id[-5:]}", request)

    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        request = super().trades(symbol, start_ms=start_ms, order_id=order_id)
        return await self._request("listing trades", request)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Watch the commits of all ledgers; an order of unknown outcome is soon certain."""
    recorder, commit = Recorder(), SqliteConnection.commit

    def committed(connection: SqliteConnection) -> None:
        open_before = connection.current.in_transaction
        commit(connection)
        if open_before:
            recorder.point("after a commit", connection.disk)

    def prepare_without_sync(connection: SqliteConnection) -> None:
        prepare(connection)
        connection.disk.execute("pragma synchronous = off")

    prepare = SqliteConnection._prepare
    monkeypatch.setattr(SqliteConnection, "_prepare", prepare_without_sync)
    monkeypatch.setattr(SqliteConnection, "commit", committed)
    monkeypatch.setattr(retry_policy, "AFTER_RECV_WINDOW_S", 0.0)
    monkeypatch.setattr(stop_manager, "BETWEEN_ROUNDS_S", 0.0)
    monkeypatch.setattr(retry_policy, "HARMLESS_DEADLINE_S", 0.0)
    monkeypatch.setattr(order_manager, "QUERY_DELAYS_S", (0.0,) * 100)
    return recorder


@asynccontextmanager
async def executor_of(
    folder: Path, venue: RecordedVenue, recorder: Recorder
) -> AsyncIterator[Executor]:
    """Run an executor whose crash points are recorded, its start included."""
    recorder.venue, recorder.on = venue, True
    path = folder / "ledger.sqlite"
    with sqlite3.connect(path) as reader:

        def visit(where: str) -> None:
            recorder.point(where, reader)

        venue.visit = visit
        async with executor_on(folder, venue, **SETTINGS) as executor:
            await settled(executor)
            yield executor
            recorder.on = False
    reader.close()


async def walk(executor: Executor, venue: RecordedVenue, prices: Sequence[int]) -> None:
    """Move the market through prices, a second apart."""
    for value in prices:
        venue.price = Decimal(value)
        executor.services.clock.observe(executor.services.clock.now_ms() + 1_000)
        executor.exit_monitor.on_price(BTCUSDT, float(value), None)
        await settled(executor)


async def life(
    folder: Path, recorder: Recorder, strategy: str, prices: Sequence[int]
) -> list[Remains]:
    """Live through a position, from its entry to its exit; the remains of every crash point."""
    venue = RecordedVenue()
    async with executor_of(folder, venue, recorder) as executor:
        signal(executor, strategy=strategy)
        await settled(executor)
        assert venue.held[BTCUSDT] > 0
        await walk(executor, venue, prices)
        signal(executor, strategy=strategy, action="exit")
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert len(closed_positions(executor)) == 1
    return recorder.found


async def revived(
    folder: Path, remains: Remains, recorder: Recorder, *, strategy: str
) -> list[Remains]:
    """Start from what is left, check it, and close; the remains of this start's crash points."""
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(remains.ledger)
    venue, recorder.found = remains.venue.as_it_stands(), []
    async with executor_of(folder, venue, recorder) as executor:
        assert await executor.reconciler.run_once()
        await settled(executor)
        points, recorder.on = recorder.found, False
        check(executor, venue)
        signal(executor, strategy=strategy, action="exit")
        await settled(executor)
        assert venue.held.get(BTCUSDT, 0) == 0
        check(executor, venue)
    return points


def check(executor: Executor, venue: RecordedVenue) -> None:
    """Assert that ledger, portfolio and exchange agree, and that what is held is protected."""
    ledger, slot = executor.services.ledger, executor.portfolio.slot(BTCUSDT)
    recorded = ledger._db.execute("select trade_id, quantity from fills").fetchall()
    assert {(row[0], Decimal(row[1])) for row in recorded} == {
        (fill.trade_id, fill.quantity) for fill in venue.fills
    }
    held = venue.held.get(BTCUSDT, Decimal(0))
    assert (slot.holding.row.quantity if slot.holding else Decimal(0)) == held
    resting = [order for order in venue.orders.values() if order.resting]
    assert [order.kind for order in resting].count("STOP_MARKET") == (1 if held else 0)
    assert held or resting == []
    assert (slot.halted, ledger.counts()["dead_letters"]) == (None, 0)
    entries = [name for name in venue.orders if "-en-" in name]
    assert len(entries) <= 1, "the signal was traded twice"


def nothing(remains: Remains) -> Remains:
    """Change nothing while nobody runs."""
    return remains


def fire_stop(remains: Remains) -> Remains:
    """Let the stop fire before anybody starts again; the same remains where none rests."""
    venue = remains.venue.as_it_stands()
    stop = next((o for o in venue.orders.values() if o.resting and o.kind == "STOP_MARKET"), None)
    held = venue.held.get(BTCUSDT, Decimal(0))
    if stop is not None and held:
        venue.price = stop.trigger_price
        venue.fill(stop.client_id, abs(held))
    return Remains(f"{remains.where}, then the stop fired", remains.ledger, venue)


LIVES = {
    "one entry": ("breakout", [50_500, 50_200]),
    "additions and parts": ("toy_staged", [48_500, 47_000, 48_500, 50_000, 54_000]),
}


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.parametrize("meanwhile", [nothing, fire_stop])
async def test_a_death_at_any_point_loses_nothing(
    tmp_path: Path,
    recorder: Recorder,
    name: str,
    meanwhile: Callable[[Remains], Remains],
) -> None:
    strategy, prices = LIVES[name]
    points = await life(tmp_path, recorder, strategy, prices)
    assert len(points) >= 20
    for number, remains in enumerate(points):
        try:
            await revived(tmp_path / str(number), meanwhile(remains), recorder, strategy=strategy)
        except AssertionError as error:
            raise AssertionError(f"point {number}, {remains.where}") from error


def unwritten(folder: Path, points: Sequence[Remains]) -> list[str]:
    """Points at which the exchange has an order that the ledger of the dead does not know."""
    found, file = [], folder / "left.sqlite"
    for remains in points:
        file.write_bytes(remains.ledger)
        with closing(sqlite3.connect(file)) as ledger:
            known = {row[0] for row in ledger.execute("select client_id from orders")}
        found += [f"{remains.where}: {name}" for name in remains.venue.orders if name not in known]
    return found


@pytest.mark.parametrize("name", LIVES)
async def test_whenever_it_dies_its_ledger_knows_every_order_that_was_sent(
    tmp_path: Path, recorder: Recorder, name: str
) -> None:
    assert unwritten(tmp_path, await life(tmp_path, recorder, *LIVES[name])) == []


async def test_an_intent_that_is_not_committed_is_noticed(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_intent = Ledger.add_intent

    def uncommitted(ledger: Ledger, order: OrderRow) -> bool:
        with monkeypatch.context() as within:
            within.setattr(Ledger, "_commit", lambda _: None)
            return add_intent(ledger, order)

    monkeypatch.setattr(Ledger, "add_intent", uncommitted)
    assert unwritten(tmp_path, await life(tmp_path, recorder, *LIVES["one entry"])) != []


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVES)
async def test_a_second_death_at_any_point_of_the_start_loses_nothing(
    tmp_path: Path, recorder: Recorder, name: str
) -> None:
    strategy, prices = LIVES[name]
    points = await life(tmp_path, recorder, strategy, prices)
    for number, remains in enumerate(points):
        again = await revived(tmp_path / str(number), remains, recorder, strategy=strategy)
        for second, left in enumerate(again):
            folder = tmp_path / f"{number}-{second}"
            try:
                await revived(folder, left, recorder, strategy=strategy)
            except AssertionError as error:
                where = f"point {number}, {remains.where}; then {second}, {left.where}"
                raise AssertionError(where) from error
