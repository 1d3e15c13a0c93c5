"""The exchange's ledger: append-only SQLite tables with market time and wall time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson

from sandbox.audit.tables import INSERTS, TABLES
from sandbox.engines.common.money import plain
from sandbox.engines.spot.model import BalanceChange, ListChanged, OrderReport, SpotEvent
from sandbox.engines.usdm.events import (
    AccountChanged,
    AlgoChanged,
    ConfigChanged,
    MarginCalled,
    ModeChanged,
    OrderChanged,
    UsdmEvent,
)
from sandbox.engines.usdm.model import Income, UsdmFill
from trading.errors import DataError

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request and its answer; ``code`` is 0 and ``message`` empty unless it was refused."""

    method: str
    path: str
    params: Mapping[str, str]
    status: int
    code: int
    message: str


class ExchangeLedger:
    """An append-only ledger; rows are committed at ``flush`` and every ``BATCH`` rows."""

    def __init__(self, path: Path | None, resume: bool = False) -> None:
        self._connection = sqlite3.connect(str(path) if path else ":memory:")
        self._rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in TABLES}
        self._waiting = 0
        try:
            self._create()
            used = self._connection.execute("select count(*) from meta").fetchone()[0]
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise DataError(f"{path}: not a sandbox ledger ({error}); give another file") from error
        if used and not resume:
            self._connection.close()
            raise DataError(
                f"{path}: already holds the ledger of a run, which is never written over; "
                "give another file or move it away"
            )

    def _create(self) -> None:
        self._connection.execute("pragma journal_mode = wal")
        for table, columns in TABLES.items():
            names = ", ".join(("seq integer primary key", "market_ms", "wall_ms", *columns))
            self._connection.execute(f"create table if not exists {table} ({names})")
            for action in ("update", "delete"):
                self._connection.execute(
                    f"create trigger if not exists no_{action}_{table} before {action} on {table} "
                    f"begin select raise(abort, 'the ledger is append-only'); end"
                )
        self._connection.commit()

    def write_meta(self, values: Mapping[str, str], wall_ms: int) -> None:
        """Record the settings of a run."""
        for key, value in values.items():
            self._add("meta", 0, wall_ms, (key, value))
        self.flush()

    def write_request(self, market_ms: int, wall_ms: int, request: RequestRecord) -> None:
        """Record a request and its answer, without the signature."""
        kept = {name: value for name, value in request.params.items() if name != "signature"}
        values = (
            request.method, request.path, orjson.dumps(kept).decode(), request.status,
            request.code, request.message,
        )  # fmt: skip
        self._add("requests", market_ms, wall_ms, values)

    def write_event(
        self, market_ms: int, wall_ms: int, account: str, kind: str, detail: Mapping[str, object]
    ) -> None:
        """Record an event that moves no money: a fault, a connection, a clock time-out."""
        self._add("events", market_ms, wall_ms, (account, kind, json.dumps(detail)))

    def write(self, event: UsdmEvent, wall_ms: int) -> None:
        """Record an event of the futures engine."""
        match event:
            case OrderChanged():
                self._write_order(event, wall_ms)
            case AlgoChanged():
                self._write_algo(event, wall_ms)
            case AccountChanged():
                self._write_positions(event, wall_ms)
            case Income():
                self._add(
                    "balances",
                    event.time,
                    wall_ms,
                    (
                        event.account, event.kind, event.symbol, plain(event.amount),
                        plain(event.wallet), event.transaction, event.trade_id,
                    ),
                )  # fmt: skip
            case ConfigChanged():
                detail = {"symbol": event.symbol, "leverage": event.leverage}
                self.write_event(event.time, wall_ms, event.account, "leverage", detail)
            case MarginCalled():
                named = {"positions": [f"{p.symbol} {p.side}" for p in event.positions]}
                self.write_event(event.time, wall_ms, event.account, "margin_call", named)
            case ModeChanged():
                self.write_event(
                    event.time, wall_ms, event.account, "position_mode", {"hedge": event.hedge}
                )

    def write_spot(self, event: SpotEvent, wall_ms: int) -> None:
        """Record an event of the spot engine."""
        match event:
            case OrderReport():
                self._write_spot_order(event, wall_ms)
            case BalanceChange():
                self._add(
                    "spot_balances",
                    event.time,
                    wall_ms,
                    (
                        event.account, event.kind, event.asset, plain(event.amount),
                        plain(event.total), event.reference,
                    ),
                )  # fmt: skip
            case ListChanged():
                self._add(
                    "spot_lists",
                    event.time,
                    wall_ms,
                    (
                        event.account, event.list_id, event.client_id, event.symbol, event.status,
                        event.order_status,
                    ),
                )  # fmt: skip

    def _write_spot_order(self, event: OrderReport, wall_ms: int) -> None:
        order, fill = event.order, event.fill
        self._add(
            "spot_orders",
            event.time,
            wall_ms,
            (
                order.account, order.order_id, order.list_id, order.client_id, order.symbol,
                order.side, order.type, order.tif, plain(order.price), plain(order.stop_price),
                plain(order.quantity), event.execution, order.status, plain(order.filled),
                plain(order.spent), order.expiry,
            ),
        )  # fmt: skip
        if fill is not None:
            self._add(
                "spot_fills",
                event.time,
                wall_ms,
                (
                    fill.account, fill.trade_id, fill.order_id, fill.client_id, fill.symbol,
                    fill.side, plain(fill.price), plain(fill.quantity), plain(fill.fee),
                    fill.fee_asset, int(fill.maker),
                ),
            )  # fmt: skip

    def _write_order(self, event: OrderChanged, wall_ms: int) -> None:
        order = event.order
        self._add(
            "orders",
            event.time,
            wall_ms,
            (
                order.account, order.order_id, order.client_id, order.symbol, order.side,
                order.orig_type, order.tif, plain(order.price), plain(order.quantity),
                int(order.reduce_only), int(order.close_position), order.algo_id, event.execution,
                order.status, plain(order.filled), plain(order.average),
                order.position_side,
            ),
        )  # fmt: skip
        if event.fill is not None:
            self._write_fill(event.fill, wall_ms)

    def _write_fill(self, fill: UsdmFill, wall_ms: int) -> None:
        self._add(
            "fills",
            fill.time,
            wall_ms,
            (
                fill.account, fill.trade_id, fill.order_id, fill.client_id, fill.symbol, fill.side,
                plain(fill.price), plain(fill.quantity), plain(fill.realised), plain(fill.fee),
                int(fill.maker), plain(fill.opened), plain(fill.closed), fill.position_side,
            ),
        )  # fmt: skip

    def _write_algo(self, event: AlgoChanged, wall_ms: int) -> None:
        algo = event.algo
        self._add(
            "algo_orders",
            event.time,
            wall_ms,
            (
                algo.account, algo.algo_id, algo.client_id, algo.symbol, algo.side, algo.type,
                plain(algo.level or algo.trigger_price), plain(algo.price), plain(algo.quantity),
                int(algo.reduce_only), int(algo.close_position), algo.status, algo.child_id,
                plain(algo.actual_price), plain(algo.actual_quantity), algo.reject_reason,
                algo.position_side,
            ),
        )  # fmt: skip

    def _write_positions(self, event: AccountChanged, wall_ms: int) -> None:
        for position, mark in zip(event.positions, event.marks, strict=True):
            self._add(
                "positions",
                event.time,
                wall_ms,
                (
                    event.account, position.symbol, plain(position.amount),
                    plain(position.entry_price), plain(position.cost), plain(mark),
                    plain(position.realised), position.leverage, int(position.isolated),
                    plain(position.isolated_wallet), event.reason, position.side,
                ),
            )  # fmt: skip

    def _add(self, table: str, market_ms: int, wall_ms: int, values: tuple[object, ...]) -> None:
        self._rows[table].append((market_ms, wall_ms, *values))
        self._waiting += 1
        if self._waiting >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Commit the waiting rows."""
        if not self._waiting:
            return
        rows, self._rows = self._rows, {table: [] for table in TABLES}
        self._waiting = 0
        with self._connection:
            for table, group in rows.items():
                if group:
                    self._connection.executemany(INSERTS[table], group)

    def mark(self) -> dict[str, int]:
        """Return the last ``seq`` of each table."""
        self.flush()
        query = "select coalesce(max(seq), 0) from {}"
        return {
            table: int(self._connection.execute(query.format(table)).fetchone()[0])
            for table in TABLES
        }

    def rows(self, table: str, columns: str = "*") -> list[tuple[object, ...]]:
        """Return the committed and waiting rows of a table, oldest first."""
        self.flush()
        return self._connection.execute(f"select {columns} from {table} order by seq").fetchall()

    def close(self) -> None:
        """Commit and close."""
        self.flush()
        self._connection.close()


def decimal_of(value: object) -> Decimal:
    """Convert a recorded number to ``Decimal``."""
    return Decimal(str(value))
