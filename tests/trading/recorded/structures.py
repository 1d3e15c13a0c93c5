"""The ICT structures of recorded candles, as lines of text."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.trading.recorded.markets import coarse, number, real, total
from trading.candles import CandleColumns
from trading.ict.batch import FIELDS, IctSettings, find_structures
from trading.ict.step import VIEW_NAMES

CASES: dict[str, tuple[str, IctSettings]] = {
    "real": ("real", IctSettings(left=3, right=3)),
    "coarse": ("coarse", IctSettings(left=2, right=3, tolerance=0.0005)),
    "broken by wicks": (
        "coarse",
        IctSettings(left=3, right=2, by_wick=True, tolerance_price=1.0),
    ),
    "small books": (
        "coarse",
        IctSettings(left=2, right=2, tolerance=0.002, max_age=80, zones=3, pools=2),
    ),
    "one of each": ("real", IctSettings(left=1, right=1, max_age=40, zones=1, pools=1)),
}
MOST = 6


@cache
def market(kind: str) -> CandleColumns:
    """Minutes of a market."""
    if kind == "real":
        return real("BTCUSDT", 30_000, 900)
    return coarse("ETHUSDT", 30_000, 1_400, 0.5)


def structures(case: tuple[str, IctSettings]) -> list[str]:
    """Return sums of the columns of every table and view, and the first rows of the tables."""
    kind, settings = case
    found = find_structures(market(kind), settings, views=True, compiled=False)
    lines = [f"{name}: {total(found.view(name))}" for name in VIEW_NAMES]
    for name, fields in FIELDS.items():
        table = getattr(found, name)
        lines += [f"{name}, {field}: {total(table[field])}" for field in fields]
        for row in range(min(len(table["at"]), MOST)):
            lines.append(" ".join(number(float(table[field][row])) for field in fields))
    return lines


def recorded() -> dict[str, Any]:
    """Return the lines of every case."""
    return {name: structures(case) for name, case in CASES.items()}
