"""Records of the ledger as rows of its tables, and back.

An instrument is stored as symbol and venue, each in its own column.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from typing import Any

import orjson

from executor.ledger.records import OrderRow, PositionRow
from executor.model import (
    InstrumentId,
    OrderState,
    VenueFill,
    instrument_id,
    symbol_of,
    venue_of,
)
from trading.order_ids import OrderLeg

ORDER_COLUMNS = [field.name for field in fields(OrderRow)] + ["venue"]
POSITION_COLUMNS = [field.name for field in fields(PositionRow)] + ["venue"]
ADD_ORDER = (
    f"insert into orders ({', '.join(ORDER_COLUMNS)})"
    f" values ({', '.join('?' for _ in ORDER_COLUMNS)}) on conflict do nothing"
)
ADD_POSITION = (
    f"insert into positions ({', '.join(POSITION_COLUMNS)})"
    f" values ({', '.join('?' for _ in POSITION_COLUMNS)})"
)
NOTE_SENT = "update orders set status = ? where client_id = ? and status = ?"
_ORDER_FIELDS = attrgetter(*ORDER_COLUMNS[:-1])
_POSITION_FIELDS = attrgetter(*POSITION_COLUMNS[:-1])
_ORDER_SYMBOL, _POSITION_SYMBOL = ORDER_COLUMNS.index("symbol"), POSITION_COLUMNS.index("symbol")
_PLAIN = frozenset({str, int, float, type(None)})
"""Types whose values are stored as they are."""
_DECIMALS = {"quantity", "price", "trigger_price", "filled", "realized_pnl", "fees"}
_FLAGS = {"reduce_only", "close_position"}


def order_values(order: OrderRow) -> list[Any]:
    """The values of an order in the order of `ORDER_COLUMNS`."""
    return _values(_ORDER_FIELDS(order), order.symbol, _ORDER_SYMBOL)


def position_values(position: PositionRow) -> list[Any]:
    """The values of a position in the order of `POSITION_COLUMNS`."""
    return _values(_POSITION_FIELDS(position), position.symbol, _POSITION_SYMBOL)


def _values(fields_of_record: Iterable[Any], symbol: InstrumentId, place: int) -> list[Any]:
    """The stored values; the instrument becomes the symbol in its place, and the venue at the end.

    An intent passes here between its decision and its request.
    """
    values = [value if type(value) in _PLAIN else stored(value) for value in fields_of_record]
    values[place] = symbol_of(symbol)
    values.append(venue_of(symbol))
    return values


def stored(value: Any) -> Any:
    """A value as SQLite stores it."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dict):
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS).decode()
    return value


def text_of(value: Decimal | None) -> str | None:
    """A number as text."""
    return None if value is None else str(value)


def _loaded(row: sqlite3.Row) -> dict[str, Any]:
    values = dict(row)
    values["symbol"] = instrument_id(values["symbol"], values.pop("venue"))
    for name, value in values.items():
        if name in _DECIMALS and value is not None:
            values[name] = Decimal(value)
        elif name in _FLAGS:
            values[name] = bool(value)
        elif name == "params":
            values[name] = orjson.loads(value)
        elif name == "leg":
            values[name] = OrderLeg(value)
    return values


def order_of(row: sqlite3.Row) -> OrderRow:
    """A row of the table of orders."""
    values = _loaded(row)
    return OrderRow(**{**values, "status": OrderState(values["status"])})


def position_of(row: sqlite3.Row) -> PositionRow:
    """A row of the table of positions."""
    return PositionRow(**_loaded(row))


def fill_of(row: sqlite3.Row) -> VenueFill:
    """A row of the table of trades."""
    return VenueFill(
        symbol=instrument_id(row["symbol"], row["venue"]),
        trade_id=row["trade_id"],
        order_id=row["order_id"],
        side=row["side"],
        price=Decimal(row["price"]),
        quantity=Decimal(row["quantity"]),
        fee=Decimal(row["fee"]),
        fee_asset=row["fee_asset"],
        realized_pnl=_decimal(row["realized_pnl"]),
        time=row["time"],
        client_id=row["client_id"],
        fee_quote=_decimal(row["fee_quote"]),
        fee_base=Decimal(row["fee_base"]),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
