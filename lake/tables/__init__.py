"""All tables of the lake, as data.

Layout of a partition: ``<root>/<layer>/<table>/<column>=<value>/…/part.parquet``.
"""

from __future__ import annotations

import pyarrow as pa

from lake.contract import REAL, TEXT, TIME, WHOLE, schema_of
from lake.contract import Table as Table
from trading.errors import DataError

VENUES = ("binance_usdm", "binance_spot", "upbit")

_OHLCV = {
    "open_time": TIME,
    "open": REAL,
    "high": REAL,
    "low": REAL,
    "close": REAL,
    "volume": REAL,
}
_FLOW = {"quote_volume": REAL, "trades": WHOLE, "taker_buy_base": REAL, "taker_buy_quote": REAL}
_SERIES = ("venue", "symbol", "interval", "month")

RAW_CANDLES = Table(
    name="candles",
    layer="raw",
    # Prices may be missing in what a source delivered; the checked table may not lack them.
    schema=schema_of(
        {"open_time": TIME}, {k: v for k, v in _OHLCV.items() if k != "open_time"} | _FLOW
    ),
    key=("open_time",),
    partition=_SERIES,
    time="open_time",
    known="close",
    view="raw_candles",
)
RAW_FUNDING = Table(
    name="funding",
    layer="raw",
    schema=schema_of({"funding_time": TIME, "funding_rate": REAL}, {"mark_price": REAL}),
    key=("funding_time",),
    partition=("venue", "symbol"),
    time="funding_time",
    known="before",
    view="funding",
)
RAW_POSITIONING = Table(
    name="positioning",
    layer="raw",
    schema=schema_of(
        {"time": TIME},
        {
            "open_interest": REAL,
            "open_interest_value": REAL,
            "long_short_account_ratio": REAL,
            "top_trader_account_ratio": REAL,
            "top_trader_position_ratio": REAL,
            "sentiment_index": REAL,
        },
    ),
    key=("time",),
    partition=("venue", "symbol"),
    time="time",
    known="before",
    view="positioning",
)
RAW_INSTRUMENTS = Table(
    name="instruments",
    layer="raw",
    # Filters stay decimal text: rounding by a tick must not begin with a rounded tick.
    schema=schema_of(
        {
            "symbol": TEXT,
            "time": TIME,
            "base": TEXT,
            "quote": TEXT,
            "status": TEXT,
            "tick_size": TEXT,
            "step_size": TEXT,
            "min_quantity": TEXT,
            "max_quantity": TEXT,
        },
        {
            "market_max_quantity": TEXT,
            "min_notional": TEXT,
            "maker_fee": TEXT,
            "taker_fee": TEXT,
            "margin_brackets": TEXT,
        },
    ),
    key=("symbol",),
    partition=("venue",),
    time="time",
    known="before",
    view="instruments",
)
CANDLES = Table(
    name="candles",
    layer="checked",
    # gap_before: candles missing directly before this one (0: none), so that a gap is data, not
    # absence.
    schema=schema_of(_OHLCV | {"gap_before": WHOLE}, _FLOW),
    key=("open_time",),
    partition=_SERIES,
    time="open_time",
    known="close",
    view="candles",
)
BARS = Table(
    name="bars",
    layer="checked",
    # candles: how many base candles the bar was built from; fewer than the full number marks a gap.
    schema=schema_of(_OHLCV | {"candles": WHOLE}, _FLOW),
    key=("open_time",),
    partition=_SERIES,
    time="open_time",
    known="close",
    view="bars",
)
QUARANTINE = Table(
    name="quarantine",
    layer="checked",
    schema=schema_of(
        {"open_time": TIME, "reason": TEXT},
        {k: v for k, v in _OHLCV.items() if k != "open_time"} | _FLOW,
    ),
    key=("open_time", "reason"),
    partition=_SERIES,
    time="open_time",
    known="close",
    view="quarantine",
)
FEATURES = Table(
    name="features",
    layer="features",
    schema=schema_of({"open_time": TIME}, {}),
    key=("open_time",),
    partition=_SERIES,
    time="open_time",
    known="close",
    extra="float",
    view="features",
)
STRUCTURES = Table(
    name="structures",
    layer="features",
    # One row an event, at the bar at whose close (known) it became known; at: the bar on which the
    # structure lies. A level has top and bottom at itself.
    schema=schema_of(
        {
            "open_time": TIME,
            "known": TIME,
            "kind": TEXT,
            "event": TEXT,
            "side": WHOLE,
            "at": TIME,
            "top": REAL,
            "bottom": REAL,
        },
        {},
    ),
    key=("open_time", "kind", "event", "side", "at"),
    partition=_SERIES,
    time="open_time",
    known="close",
    view="structures",
)

_RESULT = {"as_of": TIME, "strategy": TEXT, "symbol": TEXT}
SEARCHES = Table(
    name="searches",
    layer="research",
    schema=schema_of(_RESULT | {"trial": WHOLE, "params": TEXT}, {"interval": TEXT}),
    key=("strategy", "symbol", "trial"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="searches",
)
FOLDS = Table(
    name="folds",
    layer="research",
    schema=schema_of(
        _RESULT
        | {
            "fold": WHOLE,
            "train_from": TIME,
            "train_to": TIME,
            "test_from": TIME,
            "test_to": TIME,
        },
        {"params": TEXT},
    ),
    key=("strategy", "symbol", "fold"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="folds",
)
TRADES = Table(
    name="trades",
    layer="research",
    # sample: in_sample, out_of_sample, backtest …
    schema=schema_of(
        _RESULT
        | {
            "sample": TEXT,
            "entry_time": TIME,
            "exit_time": TIME,
            "side": WHOLE,
            "entry_price": REAL,
            "exit_price": REAL,
            "net_return": REAL,
            "reason": TEXT,
        },
        {},
    ),
    key=("strategy", "symbol", "sample", "entry_time", "exit_time"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="trades",
)
EQUITY = Table(
    name="equity",
    layer="research",
    schema=schema_of(_RESULT | {"sample": TEXT, "time": TIME, "equity": REAL}, {}),
    key=("strategy", "symbol", "sample", "time"),
    partition=("run",),
    time="as_of",
    known="upto",
    view="research_equity",
)
MODELS = Table(
    name="models",
    layer="research",
    # fold -1 is the model itself, trained on everything before as_of; file is relative to the lake.
    schema=schema_of(
        {"as_of": TIME, "model": TEXT, "symbol": TEXT, "fold": WHOLE},
        {
            "train_from": TIME,
            "train_to": TIME,
            "test_from": TIME,
            "test_to": TIME,
            "features": TEXT,
            "params": TEXT,
            "file": TEXT,
            "sha256": TEXT,
            "verdict": TEXT,
        },
    ),
    key=("model", "symbol", "fold"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="models",
)
DRIFT = Table(
    name="drift",
    layer="research",
    schema=schema_of({"as_of": TIME, "symbol": TEXT, "feature": TEXT, "score": REAL}, {}),
    key=("symbol", "feature"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="drift",
)


def _ledger(
    name: str,
    time: str,
    required: dict[str, pa.DataType],
    optional: dict[str, pa.DataType],
    key: tuple[str, ...],
) -> Table:
    # The executor's SQLite schema migrates; its further columns are carried along as they are.
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
    )


ORDERS = _ledger(
    "orders",
    "created_at",
    {
        "client_id": TEXT,
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
        "cause": TEXT,
        "updated_at": TIME,
    },
    key=("client_id",),
)
FILLS = _ledger(
    "fills",
    "time",
    {
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
        "realized_pnl": REAL,
    },
    key=("symbol", "trade_id"),
)
POSITIONS = _ledger(
    "positions",
    "opened_at",
    {
        "id": WHOLE,
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
        "bar_time": TIME,
        "params": TEXT,
        "cause": TEXT,
    },
    key=("id",),
)
EVENTS = _ledger(
    "events",
    "time",
    {"id": TEXT, "type": TEXT, "data": TEXT},
    {"symbol": TEXT, "cause": TEXT, "wall_time": TIME},
    key=("id",),
)
LEDGER_EQUITY = _ledger(
    "equity", "time", {"equity": REAL}, {"wallet": REAL, "open_positions": WHOLE}, key=("time",)
)

TABLES: dict[str, Table] = {
    table.view: table
    for table in (
        RAW_CANDLES,
        RAW_FUNDING,
        RAW_POSITIONING,
        RAW_INSTRUMENTS,
        CANDLES,
        BARS,
        QUARANTINE,
        FEATURES,
        STRUCTURES,
        SEARCHES,
        FOLDS,
        TRADES,
        EQUITY,
        MODELS,
        DRIFT,
        ORDERS,
        FILLS,
        POSITIONS,
        EVENTS,
        LEDGER_EQUITY,
    )
}
"""Every table by the name of its view; ``candles`` is the checked one, not the raw one."""


def table_of(layer: str, name: str) -> Table:
    """The table of a layer, such as ``("raw", "candles")``; `DataError` when there is none."""
    for table in TABLES.values():
        if (table.layer, table.name) == (layer, name):
            return table
    raise DataError(f"the lake has no table {layer}.{name}")
