"""Reading and writing the ledger.

What must survive a crash (intents, fills, positions) is committed before the call returns. Events
and equity points join the next commit or the next `flush`. `executor.ledger.connection` says what
happens while the disk refuses writes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from executor.bus.events import AnyEvent
from executor.ledger.connection import LedgerConnection
from executor.ledger.daily_figures import DailyFigures
from executor.ledger.history import LedgerHistory, NamedValues, ReceivedCandles
from executor.ledger.outbox import Outbox
from executor.ledger.records import OrderRow, PositionRow
from executor.ledger.rows import (
    ADD_ORDER,
    ADD_POSITION,
    NOTE_SENT,
    ORDER_COLUMNS,
    POSITION_COLUMNS,
    fill_of,
    order_of,
    order_values,
    position_of,
    position_values,
    stored,
    text_of,
)
from executor.ledger.sqlite import SqliteConnection, back_up
from executor.model import (
    OPEN_STATES,
    InstrumentId,
    OrderState,
    VenueFill,
    Wallet,
    symbol_of,
    venue_of,
)
from trading.order_ids import OrderLeg


class Ledger:
    """The ledger of one executor; a path is a SQLite file."""

    def __init__(self, store: Path | LedgerConnection) -> None:
        self._connection = SqliteConnection(store) if isinstance(store, Path) else store
        self._held = False
        self._going_out: list[str] = []
        self._named = NamedValues(self._connection)
        self.outbox = Outbox(self._connection)
        self.daily = DailyFigures(self._connection)
        self.received_candles = ReceivedCandles(self._connection)
        self.history = LedgerHistory(self._connection)

    @property
    def name(self) -> str:
        """The store as a person knows it."""
        return self._connection.name

    def lease_lost(self) -> str:
        """Why this process no longer holds the account; empty while it does."""
        return self._connection.lease_lost()

    @property
    def _db(self) -> sqlite3.Connection:
        return self._connection.current

    @property
    def durable(self) -> bool:
        """Whether what is committed is on the disk; an entry may be sent only then."""
        return self._connection.durable

    @property
    def problem(self) -> str:
        """Why the disk is not written to; empty while it is."""
        return self._connection.problem

    def recover(self) -> bool:
        """Write what waits in memory to the disk; whether the ledger is durable now."""
        return self._connection.recover()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._connection.close()

    def flush(self) -> None:
        """Commit what waits, and mark as sent the orders that went out since."""
        going_out, self._going_out = self._going_out, []
        for client_id in going_out:
            self._write(NOTE_SENT, (OrderState.SENT, client_id, OrderState.INTENT))
        self._connection.commit()

    async def checkpoint(self) -> None:
        """Keep the log of the store short, beside the commits; see `LedgerConnection`."""
        await self._connection.checkpoint()

    async def backup(self, file: Path) -> None:
        """Write a copy of the whole ledger as a SQLite file; see `back_up`."""
        await back_up(self._connection, file)

    def _write(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.write(sql, values)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Commit everything that the body writes, or nothing."""
        self.flush()
        self._held = True
        try:
            yield
        except BaseException:
            self._held = False
            self._connection.rollback()
            self._named.forget()
            raise
        self._held = False
        self.flush()

    def _commit(self) -> None:
        if not self._held:
            self.flush()

    def meta(self, name: str, default: str = "") -> str:
        """A named value."""
        return self._named.get(name, default)

    def set_meta(self, name: str, value: str) -> None:
        """Store a named value, durably."""
        self._named.put(name, value)
        self._commit()

    def next_run(self) -> int:
        """Number of this run, counted from 1."""
        run = int(self.meta("runs", "0")) + 1
        self.set_meta("runs", str(run))
        return run

    def add_event(self, event: AnyEvent) -> None:
        """Record an event; joins the next commit."""
        self._write(
            "insert into events values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
            (
                event.id,
                event.time,
                event.type.value,
                symbol_of(event.symbol),
                event.cause,
                orjson.dumps(dict(event.data), default=str).decode(),
                int(time.time() * 1000),
                venue_of(event.symbol),
            ),
        )

    def add_dead_letter(self, event: AnyEvent, handler: str, error: str) -> None:
        """Record an event that a handler could not handle."""
        body = orjson.dumps(
            {"type": event.type, "symbol": event.symbol, "data": dict(event.data)}, default=str
        ).decode()
        self._write(
            "insert into dead_letters values (?, ?, ?, ?, ?)",
            (event.id, handler, error, body, int(time.time() * 1000)),
        )
        self._commit()

    def add_equity(
        self, time_ms: int, wallet: Wallet, amount: Decimal, equity: Decimal, open_positions: int
    ) -> None:
        """Record an equity point of a wallet; joins the next commit."""
        self._write(
            "delete from equity where time = ? and venue = ? and asset = ?",
            (time_ms, wallet.venue, wallet.asset),
        )
        self._write(
            "insert into equity values (?, ?, ?, ?, ?, ?)",
            (time_ms, wallet.venue, wallet.asset, str(amount), str(equity), open_positions),
        )

    def add_intent(self, order: OrderRow) -> bool:
        """Record an order before it is sent, durably; False if this (key, leg, n) is taken."""
        added = self._write(ADD_ORDER, order_values(order)).rowcount == 1
        known = None if added else self.order(order.client_id)
        if known is not None and known.status == OrderState.REJECTED:
            names = ("status", "error", "quantity", "trigger_price", "reason", "cause")
            again = {name: getattr(order, name) for name in (*names, "updated_at")}
            self._change_order(order.client_id, {**again, "error": None})
            added = True
        self._commit()
        return added

    def note_sent(self, client_ids: Iterable[str]) -> None:
        """Record that orders go out now, with the next commit: their intents are durable."""
        self._going_out.extend(client_ids)

    def update_order(self, client_id: str, **changes: Any) -> None:
        """Change columns of an order, durably."""
        self._change_order(client_id, changes)
        self._commit()

    def _change_order(self, client_id: str, changes: Mapping[str, Any]) -> None:
        names = ", ".join(f"{name} = ?" for name in changes)
        self._write(
            f"update orders set {names} where client_id = ?",
            [*(stored(value) for value in changes.values()), client_id],
        )

    def order(self, client_id: str) -> OrderRow | None:
        """The order of this client id."""
        return _one(self._orders("client_id = ?", client_id))

    def order_by_exchange_id(self, symbol: InstrumentId, exchange_id: str) -> OrderRow | None:
        """The order with this exchange id, its own or its child's."""
        return _one(
            self._orders(
                "venue = ? and symbol = ? and"
                " (child_id = ? or (exchange_id = ? and kind in ('MARKET', 'LIMIT')))",
                venue_of(symbol),
                symbol_of(symbol),
                exchange_id,
                exchange_id,
            )
        )

    def open_orders(self, symbol: InstrumentId | None = None) -> list[OrderRow]:
        """Orders whose end is not known, oldest first."""
        marks = ", ".join(sorted(f"'{status}'" for status in OPEN_STATES))
        if symbol is None:
            return self._orders(f"status in ({marks})")
        return self._orders(
            f"status in ({marks}) and venue = ? and symbol = ?", venue_of(symbol), symbol_of(symbol)
        )

    def entry_order_of(self, key: str) -> OrderRow | None:
        """The last entry order of a position."""
        return _one(self._orders("key = ? and leg = ?", key, OrderLeg.ENTRY))

    def orders_of_key(self, key: str) -> list[OrderRow]:
        """All orders of one position, oldest first."""
        return self._orders("key = ?", key)

    def next_n(self, key: str, leg: OrderLeg) -> int:
        """Number of the next attempt or version of a leg, from 0.

        A definitely rejected order never existed: its number is used again.
        """
        row = self._db.execute(
            "select n, status from orders where key = ? and leg = ? order by n desc limit 1",
            (key, leg),
        ).fetchone()
        if row is None:
            return 0
        last = int(row["n"])
        return last if row["status"] == OrderState.REJECTED else last + 1

    def _orders(self, where: str, *values: Any) -> list[OrderRow]:
        rows = self._db.execute(
            f"select {', '.join(ORDER_COLUMNS)} from orders where {where} order by created_at, n",
            values,
        )
        return [order_of(row) for row in rows]

    def add_fill(self, fill: VenueFill, client_id: str, position_id: int | None) -> bool:
        """Record a trade, committed with its position; False if it is known."""
        cursor = self._write(
            "insert into fills values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict do nothing",
            (
                venue_of(fill.symbol),
                symbol_of(fill.symbol),
                fill.trade_id,
                fill.order_id,
                client_id,
                position_id,
                fill.side,
                str(fill.price),
                str(fill.quantity),
                str(fill.fee),
                fill.fee_asset,
                text_of(fill.fee_quote),
                str(fill.fee_base),
                text_of(fill.realized_pnl),
                fill.time,
            ),
        )
        return cursor.rowcount == 1

    def price_fee(self, fill: VenueFill, fee_quote: Decimal) -> None:
        """Record, durably, what the fee of a known trade was worth in the quote asset."""
        self._write(
            "update fills set fee_quote = ? where venue = ? and symbol = ? and trade_id = ?",
            (str(fee_quote), venue_of(fill.symbol), symbol_of(fill.symbol), fill.trade_id),
        )
        self._commit()

    def unpriced_fills(self) -> list[tuple[VenueFill, int | None]]:
        """Trades whose fee has no price yet, with their positions."""
        rows = self._db.execute("select * from fills where fee_quote is null order by time")
        return [(fill_of(row), row["position_id"]) for row in rows]

    def has_fill(self, symbol: InstrumentId, trade_id: str) -> bool:
        """Whether a trade is recorded."""
        row = self._db.execute(
            "select 1 from fills where venue = ? and symbol = ? and trade_id = ?",
            (venue_of(symbol), symbol_of(symbol), trade_id),
        ).fetchone()
        return row is not None

    def filled_of(self, client_id: str) -> tuple[Decimal, float | None]:
        """Quantity and mean price of an order's trades."""
        fills = [
            (Decimal(row["quantity"]), Decimal(row["price"]))
            for row in self._db.execute(
                "select quantity, price from fills where client_id = ?", (client_id,)
            )
        ]
        total = sum((quantity for quantity, _ in fills), Decimal(0))
        value = sum((quantity * price for quantity, price in fills), Decimal(0))
        return total, float(value / total) if total else None

    def fills_of(self, position_id: int) -> list[VenueFill]:
        """Trades of a position, oldest first."""
        rows = self._db.execute(
            "select * from fills where position_id = ? order by time, cast(trade_id as integer)",
            (position_id,),
        )
        return [fill_of(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Numbers of orders, rejected orders, trades, dead letters and waiting alerts."""
        row = self._db.execute(
            "select (select count(*) from orders) as orders,"
            " (select count(*) from orders where status = 'rejected') as rejected,"
            " (select count(*) from fills) as fills,"
            " (select count(*) from dead_letters) as dead_letters,"
            " (select count(*) from alerts where delivered_at is null) as alerts_waiting"
        ).fetchone()
        return dict(row)

    def insert_position(self, position: PositionRow) -> PositionRow:
        """Record a new position; the ledger gives the id.

        It joins the next commit: that of its first intent, which alone must be durable.
        """
        # Given here, not by the database: the number must be the same in memory and in the store.
        (last,) = self._db.execute("select coalesce(max(id), 0) from positions").fetchone()
        given = int(last) + 1
        numbered = replace(position, id=given)
        self._write(ADD_POSITION, position_values(numbered))
        return numbered

    def update_position(self, position_id: int, **changes: Any) -> None:
        """Change columns of a position, durably."""
        names = ", ".join(f"{name} = ?" for name in changes)
        self._write(
            f"update positions set {names} where id = ?",
            [*(stored(value) for value in changes.values()), position_id],
        )
        self._commit()

    def position(self, position_id: int) -> PositionRow | None:
        """The position of this id."""
        return _first(self._positions("id = ?", position_id))

    def open_positions(self) -> list[PositionRow]:
        """Positions that are not closed, entries in progress included."""
        return self._positions("status in ('opening', 'open', 'closing')")

    def position_of_key(self, key: str) -> PositionRow | None:
        """The position that orders of this key belong to."""
        return _first(self._positions("key = ?", key))

    def _positions(self, where: str, *values: Any) -> list[PositionRow]:
        rows = self._db.execute(
            f"select {', '.join(POSITION_COLUMNS)} from positions where {where} order by id",
            values,
        )
        return [position_of(row) for row in rows]


def _one(rows: list[OrderRow]) -> OrderRow | None:
    return rows[-1] if rows else None


def _first(rows: Iterable[PositionRow]) -> PositionRow | None:
    return next(iter(rows), None)
