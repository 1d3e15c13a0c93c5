"""The candles that an executor received, as columns: a month of many instruments fits in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trading.candles import MINUTE_MS, CandleColumns

PRICES = ("open", "high", "low", "close", "volume")
_COLUMNS = pa.schema(
    [
        ("venue", pa.string()),
        ("symbol", pa.string()),
        ("open_time", pa.int64()),
        *((name, pa.float64()) for name in PRICES),
        ("fresh", pa.int64()),
        ("received_at", pa.int64()),
    ]
)
_LAST = np.iinfo(np.int64).max
Instrument = tuple[str, str]
"""Venue and symbol."""


@dataclass(frozen=True, slots=True)
class ReceivedColumns:
    """An instrument's candles as they were first received.

    ``open_time`` (n,) is in ms and rises; ``prices`` (n, 5) has open, high, low, close and volume;
    ``fresh`` (n,) says which came in time.
    """

    open_time: npt.NDArray[np.int64]
    prices: npt.NDArray[np.float64]
    fresh: npt.NDArray[np.bool_]

    def due(self, begin: int, end: int) -> dict[int, bool]:
        """Opens of the candles that closed after ``begin`` up to ``end`` (ms), with ``fresh``."""
        closed = self.open_time + MINUTE_MS
        chosen = (closed > begin) & (closed <= end)
        return dict(zip(self.open_time[chosen].tolist(), self.fresh[chosen].tolist(), strict=True))

    def over(self, stored: CandleColumns) -> CandleColumns:
        """The ``stored`` candles, those of the same minutes replaced by what was received."""
        own = (stored.open, stored.high, stored.low, stored.close, stored.volume)
        times = np.concatenate([self.open_time, stored.open_time])
        prices = np.vstack([self.prices, np.column_stack(own)])
        kept, first = np.unique(times, return_index=True)
        opens, highs, lows, closes, volumes = prices[first].T
        return CandleColumns.of(kept, opens, highs, lows, closes, volumes, MINUTE_MS)


NOTHING = ReceivedColumns(
    np.zeros(0, np.int64), np.zeros((0, len(PRICES))), np.zeros(0, dtype=np.bool_)
)


def received_candles(
    recorded: Iterable[pa.Table], events: Sequence[Mapping[str, Any]]
) -> dict[Instrument, ReceivedColumns]:
    """Candles by instrument: recorded ones, and those of ``candle_closed`` that are not among them.

    Of several for one minute the first that was received counts.
    """
    tables = [_plain(table) for table in recorded]
    rows = [_of_event(event) for event in events if event["type"] == "candle_closed"]
    table = pa.concat_tables([*tables, pa.Table.from_pylist(rows, _COLUMNS)])
    names = pc.binary_join_element_wise(table["venue"], table["symbol"], "\n").combine_chunks()
    coded = names.dictionary_encode()
    code = coded.indices.to_numpy(zero_copy_only=False)
    time = table["open_time"].to_numpy()
    order = np.lexsort((table["received_at"].to_numpy(), time, code))
    same = (code[order][1:] == code[order][:-1]) & (time[order][1:] == time[order][:-1])
    kept = order[np.concatenate([[True], ~same])] if len(order) else order
    prices = np.column_stack([table[name].to_numpy() for name in PRICES])
    fresh = table["fresh"].to_numpy() != 0
    bounds = np.searchsorted(code[kept], np.arange(len(coded.dictionary) + 1))
    found = {}
    for number, name in enumerate(coded.dictionary.to_pylist()):
        own = kept[bounds[number] : bounds[number + 1]]
        venue, _, symbol = name.partition("\n")
        found[venue, symbol] = ReceivedColumns(time[own], prices[own], fresh[own])
    return found


def _plain(table: pa.Table) -> pa.Table:
    """The columns that count, with times as ms."""
    columns = []
    for field in _COLUMNS:
        column = table[field.name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", column.type.tz))
        columns.append(column.cast(field.type))
    return pa.table(columns, _COLUMNS)


def _of_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """A candle that led to something: it is in the ledger together with its decision."""
    data = json.loads(event["data"])
    own = {name: float(data[name]) for name in PRICES}
    return {
        **own,
        "venue": event["venue"],
        "symbol": event["symbol"],
        "open_time": data["open_time"],
        "fresh": int(data["fresh"]),
        "received_at": _LAST,
    }
