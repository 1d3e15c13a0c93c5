"""Table contracts as data: which columns, which key, which partition, and when a row is known.

Layout of a partition: ``<root>/<layer>/<table>/<column>=<value>/…/part.parquet``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from trading.errors import DataError

TIME = pa.timestamp("ms", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
WHOLE = pa.int64()
FLAG = pa.bool_()

VENUES = ("binance_usdm", "binance_spot", "upbit")

# When may a row be read under ``as_of``?
#   close   a candle, or what is computed from it: its open time plus the interval is at or before
# as_of
#   before  an event: its time is before as_of
#   upto    a result: the as_of it was computed under is at or before as_of
Known = Literal["close", "before", "upto"]
Extra = Literal["none", "float", "any"]


@dataclass(frozen=True)
class Table:
    """Contract of one table.

    ``schema`` holds the columns inside the file (the partition's columns live in its path); a
    field that is not nullable must be present and without nulls. ``key`` is unique in a
    partition, and the file is sorted by it. ``time`` is the column by which ``as_of`` cuts, in
    the way of ``known``. ``extra`` says which further columns may be there: none, float64 ones
    (features, measures) or any.
    """

    name: str
    layer: str
    schema: pa.Schema
    key: tuple[str, ...]
    partition: tuple[str, ...]
    time: str
    known: Known
    extra: Extra = "none"
    view: str = ""

    @property
    def title(self) -> str:
        """Name of the table for a message: ``raw.candles``."""
        return f"{self.layer}.{self.name}"


def _schema(required: dict[str, pa.DataType], optional: dict[str, pa.DataType]) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in optional.items()])


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
    schema=_schema(
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
    schema=_schema({"funding_time": TIME, "funding_rate": REAL}, {"mark_price": REAL}),
    key=("funding_time",),
    partition=("venue", "symbol"),
    time="funding_time",
    known="before",
    view="funding",
)
RAW_POSITIONING = Table(
    name="positioning",
    layer="raw",
    schema=_schema(
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
    schema=_schema(
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
    schema=_schema(_OHLCV | {"gap_before": WHOLE}, _FLOW),
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
    schema=_schema(_OHLCV | {"candles": WHOLE}, _FLOW),
    key=("open_time",),
    partition=_SERIES,
    time="open_time",
    known="close",
    view="bars",
)
QUARANTINE = Table(
    name="quarantine",
    layer="checked",
    schema=_schema(
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
    schema=_schema({"open_time": TIME}, {}),
    key=("open_time",),
    partition=_SERIES,
    time="open_time",
    known="close",
    extra="float",
    view="features",
)

_RESULT = {"as_of": TIME, "strategy": TEXT, "symbol": TEXT}
SEARCHES = Table(
    name="searches",
    layer="research",
    schema=_schema(_RESULT | {"trial": WHOLE, "params": TEXT}, {"interval": TEXT}),
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
    schema=_schema(
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
    schema=_schema(
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
    schema=_schema(_RESULT | {"sample": TEXT, "time": TIME, "equity": REAL}, {}),
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
    schema=_schema(
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
    schema=_schema({"as_of": TIME, "symbol": TEXT, "feature": TEXT, "score": REAL}, {}),
    key=("symbol", "feature"),
    partition=("run",),
    time="as_of",
    known="upto",
    extra="float",
    view="drift",
)


def _ledger(
    name: str,
    required: dict[str, pa.DataType],
    optional: dict[str, pa.DataType],
    key: tuple[str, ...],
    view: str = "",
) -> Table:
    # The executor's SQLite schema migrates; its further columns are carried along as they are.
    return Table(
        name=name,
        layer="ledger",
        schema=_schema({"time": TIME} | required, optional),
        key=key,
        partition=("day",),
        time="time",
        known="before",
        extra="any",
        view=view or name,
    )


ORDERS = _ledger(
    "orders",
    {"client_order_id": TEXT, "symbol": TEXT, "side": TEXT, "status": TEXT},
    {
        "release_id": TEXT,
        "strategy": TEXT,
        "leg": TEXT,
        "type": TEXT,
        "quantity": REAL,
        "price": REAL,
        "stop_price": REAL,
        "exchange_id": TEXT,
        "reason": TEXT,
    },
    key=("client_order_id",),
)
FILLS = _ledger(
    "fills",
    {"trade_id": TEXT, "client_order_id": TEXT, "symbol": TEXT, "side": TEXT},
    {
        "price": REAL,
        "quantity": REAL,
        "fee": REAL,
        "fee_asset": TEXT,
        "realized_pnl": REAL,
        "slippage_bps": REAL,
        "maker": FLAG,
    },
    key=("symbol", "trade_id"),
)
POSITIONS = _ledger(
    "positions",
    {"position_id": TEXT, "symbol": TEXT, "strategy": TEXT},
    {
        "release_id": TEXT,
        "side": TEXT,
        "quantity": REAL,
        "entry_price": REAL,
        "exit_price": REAL,
        "opened_at": TIME,
        "closed_at": TIME,
        "realized_pnl": REAL,
        "fees": REAL,
        "reason": TEXT,
    },
    key=("position_id",),
)
EVENTS = _ledger(
    "events", {"event_id": TEXT, "kind": TEXT}, {"cause": TEXT, "data": TEXT}, key=("event_id",)
)
LEDGER_EQUITY = _ledger("equity", {"equity": REAL}, {}, key=("time",))

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
"""Every table by the name of its view: ``candles`` is the checked one, ``raw_candles`` the raw one."""


def table_of(layer: str, name: str) -> Table:
    """The table of a layer, such as ``("raw", "candles")``; `DataError` when there is none."""
    for table in TABLES.values():
        if (table.layer, table.name) == (layer, name):
            return table
    raise DataError(f"the lake has no table {layer}.{name}")
