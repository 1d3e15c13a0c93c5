"""Layer ``ledger``: what the executor did, exported from its database day by day."""

from __future__ import annotations

import pyarrow as pa

from lake.contract import REAL, TEXT, TIME, WHOLE, Fallback, Table, schema_of

# Until version 0.2.0 there was one venue, and every amount was in its quote asset.
_VENUE = {"venue": Fallback("binance_usdm")}


def _ledger(
    name: str,
    time: str,
    required: dict[str, pa.DataType],
    optional: dict[str, pa.DataType],
    key: tuple[str, ...],
    older: dict[str, Fallback],
) -> Table:
    # The executor's SQLite schema evolves; columns that are not listed here are copied unchanged.
    return Table(
        name=name,
        layer="ledger",
        schema=schema_of({time: TIME} | required, optional),
        key=key,
        partition=("day",),
        time=time,
        known="before",
        extra="any",
        view=name,
        fallbacks=older,
    )


ORDERS = _ledger(
    "orders",
    "created_at",
    {
        "client_id": TEXT,
        "venue": TEXT,
        "symbol": TEXT,
        "strategy": TEXT,
        "release_id": TEXT,
        "leg": TEXT,
        "side": TEXT,
        "kind": TEXT,
        "status": TEXT,
    },
    {
        "bar_time": TIME,
        "quantity": REAL,
        "trigger_price": REAL,
        "decision_price": REAL,
        "filled": REAL,
        "average_price": REAL,
        "exchange_id": TEXT,
        "position_id": WHOLE,
        "error": TEXT,
        "reason": TEXT,
        "parent": TEXT,
        "cause": TEXT,
        "updated_at": TIME,
    },
    key=("client_id",),
    older={**_VENUE, "parent": Fallback()},
)
FILLS = _ledger(
    "fills",
    "time",
    {
        "venue": TEXT,
        "symbol": TEXT,
        "trade_id": TEXT,
        "client_id": TEXT,
        "side": TEXT,
        "price": REAL,
        "quantity": REAL,
    },
    {
        "order_id": TEXT,
        "position_id": WHOLE,
        "fee": REAL,
        "fee_asset": TEXT,
        "fee_quote": REAL,
        "fee_base": REAL,
        "realized_pnl": REAL,
    },
    key=("venue", "symbol", "trade_id"),
    older={**_VENUE, "fee_quote": Fallback(column="fee"), "fee_base": Fallback()},
)
POSITIONS = _ledger(
    "positions",
    "opened_at",
    {
        "id": WHOLE,
        "venue": TEXT,
        "symbol": TEXT,
        "strategy": TEXT,
        "side": WHOLE,
        "status": TEXT,
        "quantity": REAL,
        "entry_price": REAL,
        "release_id": TEXT,
    },
    {
        "closed_at": TIME,
        "exit_price": REAL,
        "exit_reason": TEXT,
        "realized_pnl": REAL,
        "fees": REAL,
        "quote_asset": TEXT,
        "bar_time": TIME,
        "params": TEXT,
        "cause": TEXT,
    },
    key=("id",),
    older={**_VENUE, "quote_asset": Fallback("USDT")},
)
EVENTS = _ledger(
    "events",
    "time",
    {"id": TEXT, "type": TEXT, "data": TEXT},
    {"venue": TEXT, "symbol": TEXT, "cause": TEXT, "wall_time": TIME},
    key=("id",),
    older=_VENUE,
)
LEDGER_EQUITY = _ledger(
    "equity",
    "time",
    {"venue": TEXT, "asset": TEXT, "equity": REAL},
    {"wallet": REAL, "open_positions": WHOLE},
    key=("time", "venue", "asset"),
    older={**_VENUE, "asset": Fallback("USDT")},
)
RECEIVED_CANDLES = _ledger(
    "received_candles",
    "received_at",
    {
        "venue": TEXT,
        "symbol": TEXT,
        "open_time": TIME,
        "open": REAL,
        "high": REAL,
        "low": REAL,
        "close": REAL,
        "volume": REAL,
        "fresh": WHOLE,
    },
    {},
    key=("venue", "symbol", "open_time", "open", "high", "low", "close", "volume"),
    older={},
)
