"""All tables of the lake, as data: one module per layer, and one for the evidence.

Layout of a partition: ``<root>/<layer>/<table>/<column>=<value>/…/part.parquet``.
"""

from __future__ import annotations

from lake.contract import Table
from lake.tables import checked, evidence, features, ledger, raw, research
from lake.tables.checked import BARS, CANDLES, GAPS, QUARANTINE
from lake.tables.evidence import LOOKS, PARITY, TRIAL_RETURNS, UNSEEN_DAYS
from lake.tables.features import FEATURES, RELATIVE, STRUCTURES, UNIVERSE
from lake.tables.ledger import (
    EVENTS,
    FILLS,
    LEDGER_EQUITY,
    ORDERS,
    POSITIONS,
    RECEIVED_CANDLES,
)
from lake.tables.raw import RAW_CANDLES, RAW_FUNDING, RAW_INSTRUMENTS, RAW_POSITIONING
from lake.tables.research import DRIFT, EQUITY, FOLDS, FORECASTS, MODELS, SEARCHES, TRADES
from trading.errors import DataError

__all__ = [
    "BARS",
    "CANDLES",
    "DRIFT",
    "EQUITY",
    "EVENTS",
    "FEATURES",
    "FILLS",
    "FOLDS",
    "FORECASTS",
    "GAPS",
    "LEDGER_EQUITY",
    "LOOKS",
    "MODELS",
    "ORDERS",
    "PARITY",
    "POSITIONS",
    "QUARANTINE",
    "RAW_CANDLES",
    "RAW_FUNDING",
    "RAW_INSTRUMENTS",
    "RAW_POSITIONING",
    "RECEIVED_CANDLES",
    "RELATIVE",
    "SEARCHES",
    "SPARSE_VENUES",
    "STRUCTURES",
    "TABLES",
    "TRADES",
    "TRIAL_RETURNS",
    "UNIVERSE",
    "UNSEEN_DAYS",
    "VENUES",
    "Table",
    "table_of",
]

VENUES = ("binance_usdm", "binance_spot", "upbit", "krx")
SPARSE_VENUES = ("upbit", "krx")
"""Venues that omit minutes without trades."""

_LAYERS = (raw, checked, features, research, evidence, ledger)

TABLES: dict[str, Table] = {
    table.view: table
    for layer in _LAYERS
    for table in vars(layer).values()
    if isinstance(table, Table)
}
"""Every contract of the layers' modules, by the name of its view.

``candles`` is the checked table, not the raw one.
"""


def table_of(layer: str, name: str) -> Table:
    """Return the table of a layer, such as ``("raw", "candles")``; `DataError` if there is none."""
    for table in TABLES.values():
        if (table.layer, table.name) == (layer, name):
            return table
    raise DataError(f"the lake has no table {layer}.{name}")
