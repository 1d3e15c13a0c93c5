"""The recent past: limits that a restart must not reset, named values, and candles received."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from executor.ledger.connection import LedgerConnection
from executor.ledger.records import OrderRow
from executor.ledger.rows import ORDER_COLUMNS, order_of
from executor.model import InstrumentId, VenueFill, symbol_of, venue_of
from trading.candles import Candle

_ADD = "insert into received_candles values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing"
SAME_TRADE_MS = 1_000
"""Two reports of one trade may be this far apart; trades with one id are further."""
UNPROTECTED = "unprotected"
"""Exit reason of a position whose stop could not be placed in time."""
STOPS = ("stop_loss", "emergency_stop", "liquidation_guard", "liquidation", UNPROTECTED)
"""Exit reasons after which an instrument cools down."""
NOT_SENT = "not sent: "
"""How the error of an order begins that was refused here."""
NOT_TAKEN = "not taken: "
"""How it begins where a limit of requests, the moment or the key was the reason, not the order."""


@dataclass(frozen=True, slots=True)
class LossStreak:
    """Losing positions in a row up to now, and when the last of them closed (ms)."""

    length: int
    last_at: int


class LedgerHistory:
    """Counts rows of orders and positions."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        return self._connection.current.execute(sql, values).fetchall()

    def order_times_since(self, since_ms: int) -> list[int]:
        """When orders were sent, oldest first."""
        rows = self._rows(
            "select created_at from orders where created_at > ? order by created_at", since_ms
        )
        return [int(row[0]) for row in rows]

    def ended_without_trades(self) -> list[OrderRow]:
        """Ended orders that filled more than their recorded trades add up to, oldest first."""
        rows = self._rows(
            f"select {', '.join(ORDER_COLUMNS)} from orders where filled <> '0'"
            " and cast(filled as real) > (select coalesce(sum(cast(quantity as real)), 0)"
            " from fills where fills.client_id = orders.client_id) order by created_at, n"
        )
        ended = [order for order in map(order_of, rows) if not order.open]
        return [order for order in ended if self.lacks_trades(order)]

    def lacks_trades(self, order: OrderRow) -> bool:
        """Whether an order filled more than its recorded trades add up to."""
        rows = self._rows("select quantity from fills where client_id = ?", order.client_id)
        return sum((Decimal(row[0]) for row in rows), Decimal(0)) < order.filled

    def entries_since(self, symbol: InstrumentId, since_ms: int) -> int:
        """Positions of an instrument that were opened, entries in progress included."""
        (row,) = self._rows(
            "select count(*) from positions where venue = ? and symbol = ? and opened_at >= ?"
            " and status <> 'void'",
            venue_of(symbol),
            symbol_of(symbol),
            since_ms,
        )
        return int(row[0])

    def refused_stops_since(self, symbol: InstrumentId, since_ms: int) -> int:
        """Positions of an instrument that had to be closed because no stop could be placed."""
        (row,) = self._rows(
            "select count(*) from positions where venue = ? and symbol = ? and closed_at >= ?"
            " and exit_reason = ?",
            venue_of(symbol),
            symbol_of(symbol),
            since_ms,
            UNPROTECTED,
        )
        return int(row[0])

    def rejected_entries_since(self, symbol: InstrumentId, since_ms: int) -> int:
        """Entries of an instrument that the exchange refused because of what they are."""
        (row,) = self._rows(
            "select count(*) from orders where venue = ? and symbol = ? and updated_at >= ?"
            " and leg = 'en' and status = 'rejected' and error not like ?"
            " and error not like ?",
            venue_of(symbol),
            symbol_of(symbol),
            since_ms,
            f"{NOT_SENT}%",
            f"{NOT_TAKEN}%",
        )
        return int(row[0])

    def last_stop_since(self, symbol: InstrumentId, since_ms: int) -> int | None:
        """When a stop last closed a position of an instrument (ms); None where none did."""
        marks = ", ".join("?" for _ in STOPS)
        (row,) = self._rows(
            "select max(closed_at) from positions where venue = ? and symbol = ? and closed_at >= ?"
            f" and exit_reason in ({marks})",
            venue_of(symbol),
            symbol_of(symbol),
            since_ms,
            *STOPS,
        )
        return None if row[0] is None else int(row[0])

    def loss_streak(self, most: int, since_ms: int = 0) -> LossStreak:
        """The losses in a row that ended last, at most ``most`` of them."""
        rows = self._rows(
            "select realized_pnl, fees, closed_at from positions where status = 'closed'"
            " and closed_at >= ? order by closed_at desc, id desc limit ?",
            since_ms,
            most,
        )
        length = 0
        for row in rows:
            if Decimal(row["realized_pnl"]) - Decimal(row["fees"]) >= 0:
                break
            length += 1
        return LossStreak(length, int(rows[0]["closed_at"]) if length else 0)

    def named_fill(self, fill: VenueFill) -> VenueFill:
        """The trade under the id that the ledger has for it, or will have.

        An exchange that was rolled back gives the ids of the trades that it forgot again, also of
        their orders. Such a trade has its time as a part of its id.
        """
        row = self._connection.current.execute(
            "select order_id, time from fills where venue = ? and symbol = ? and trade_id = ?",
            (venue_of(fill.symbol), symbol_of(fill.symbol), fill.trade_id),
        ).fetchone()
        if row is None:
            return fill
        if row["order_id"] == fill.order_id and abs(row["time"] - fill.time) <= SAME_TRADE_MS:
            return fill
        return replace(fill, trade_id=f"{fill.trade_id}@{fill.time}")


@dataclass(frozen=True, slots=True)
class ReceivedCandle:
    """A closed 1m candle; ``received_at`` is market time in ms, ``fresh`` within a minute."""

    symbol: InstrumentId
    candle: Candle
    fresh: bool
    received_at: int


class ReceivedCandles:
    """The table ``received_candles``: the input of `nocturne parity`, for a limited time."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def add(self, received: Iterable[ReceivedCandle]) -> None:
        """Record candles; they join the next commit."""
        for one in received:
            candle = one.candle
            self._connection.write(
                _ADD,
                (
                    venue_of(one.symbol),
                    symbol_of(one.symbol),
                    candle.open_time,
                    candle.open,
                    candle.high,
                    candle.low,
                    candle.close,
                    candle.volume,
                    int(one.fresh),
                    one.received_at,
                ),
            )

    def forget_before(self, time_ms: int) -> int:
        """Remove, durably, what was received before a time; returns how many candles."""
        cursor = self._connection.write(
            "delete from received_candles where received_at < ?", (time_ms,)
        )
        self._connection.commit()
        return cursor.rowcount


class NamedValues:
    """The table ``meta``, kept in memory: limits ask for it before each entry."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection
        self._known: dict[str, str | None] = {}

    def get(self, name: str, default: str) -> str:
        """A value, or the default where there is none."""
        if name not in self._known:
            row = self._connection.current.execute(
                "select value from meta where name = ?", (name,)
            ).fetchone()
            self._known[name] = None if row is None else str(row[0])
        known = self._known[name]
        return default if known is None else known

    def put(self, name: str, value: str) -> None:
        """Store a value; it joins the next commit."""
        write = self._connection.write
        if write("update meta set value = ? where name = ?", (value, name)).rowcount == 0:
            write("insert into meta values (?, ?)", (name, value))
        self._known[name] = value

    def forget(self) -> None:
        """Read again what was stored: a transaction was rolled back."""
        self._known.clear()
