"""Layer ``raw``: what the sources delivered."""

from __future__ import annotations

from lake.contract import REAL, TEXT, TIME, Table, schema_of
from lake.tables.columns import FLOW, PRICES, SERIES

RAW_CANDLES = Table(
    name="candles",
    layer="raw",
    # A source may deliver a row without prices; the checked table requires them.
    schema=schema_of({"open_time": TIME}, PRICES | FLOW),
    key=("open_time",),
    partition=SERIES,
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
    # One row per snapshot that differs from its neighbours. Filters stay decimal text: rounding to
    # a tick must not start from a rounded tick.
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
    key=("symbol", "time"),
    partition=("venue",),
    time="time",
    known="before",
    view="instruments",
)
