"""All structures of a column of candles, as tables.

Every row tells where a structure lies (``at``) and which candle made it known (``known``), both as
row numbers of the column; :meth:`Structures.times` turns row numbers into times. Later events
(``touched``, ``broken`` and so on) are NaN until they happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.candles import CandleColumns, Floats, Integers
from trading.errors import ParameterError
from trading.ict.layout import LOG_HEAD, LOG_KINDS, StructureRules, ict_clear, ict_size
from trading.ict.liquidity import POOL_WIDTH
from trading.ict.step import VIEW_NAMES, VIEW_SIZE, ict_rows
from trading.ict.structure import BREAK_WIDTH
from trading.ict.swings import SWING_WIDTH
from trading.ict.zones import BLOCK_WIDTH, GAP_WIDTH
from trading.jit.backends import backend
from trading.market.rows import rows_of

FIELDS: dict[str, tuple[str, ...]] = {
    "swings": ("side", "at", "known", "level", "superseded", "broken"),
    "breaks": ("side", "at", "known", "level", "kind", "undercut"),
    "gaps": ("side", "at", "known", "top", "bottom", "touched", "filled", "share"),
    "blocks": (
        "side",
        "at",
        "known",
        "top",
        "bottom",
        "volume",
        "mitigated",
        "broken",
        "void",
    ),
    "pools": ("side", "at", "known", "level", "end", "members", "taken", "swept", "replaced"),
}
"""Columns of each table, in the order of the log.

``side`` is +1 for swing highs, breaks upwards, bullish zones and buy-side liquidity. ``kind`` of a
break is 1 with the trend, 2 against it. A pool has a row for each of its versions: a swing that
joins or leaves it ends one (``replaced``) and makes the next one ``known``.
"""

WIDTHS = (SWING_WIDTH, BREAK_WIDTH, GAP_WIDTH, BLOCK_WIDTH, POOL_WIDTH)


@dataclass(frozen=True, slots=True)
class IctSettings:
    """How structures are found.

    A swing is the extreme of ``left`` candles before it and ``right`` after it. Liquidity pools
    reach ``tolerance`` (a share of the price) plus ``tolerance_price`` (a price distance) around
    their first swing. With ``by_wick`` a wick breaks an order block, otherwise a close does. Zones
    and pools are forgotten after ``max_age`` candles; ``zones`` and ``pools`` limit how many of
    each kind and side are kept.
    """

    left: int = 5
    right: int = 5
    tolerance: float = 0.001
    tolerance_price: float = 0.0
    by_wick: bool = False
    max_age: int = 500
    zones: int = 32
    pools: int = 32

    def __post_init__(self) -> None:
        for name in ("left", "right", "max_age", "zones", "pools"):
            if getattr(self, name) < 1:
                raise ParameterError(f"ict: {name} = {getattr(self, name)} is less than 1")
        if self.tolerance < 0.0 or self.tolerance_price < 0.0:
            raise ParameterError("ict: a tolerance below 0 groups nothing; give 0 or more")

    def state(self) -> list[float]:
        """Return a new state."""
        buffer = [0.0] * ict_size(self.left, self.right, self.zones, self.pools)
        rules = StructureRules(
            left=self.left,
            right=self.right,
            tolerance_share=self.tolerance,
            tolerance_fixed=self.tolerance_price,
            by_wick=1 if self.by_wick else 0,
            max_age=self.max_age,
            zones=self.zones,
            pools=self.pools,
        )
        ict_clear(buffer, 0, rules)
        return buffer


Table = dict[str, Floats]
"""Columns of equal length by name, as in :data:`FIELDS`."""


@dataclass(frozen=True)
class Structures:
    """All structures of a column of candles.

    ``views`` holds, for each candle, what was known after it (columns :data:`VIEW_NAMES`), or is
    None.
    """

    open_time: Integers
    interval_ms: int
    swings: Table
    breaks: Table
    gaps: Table
    blocks: Table
    pools: Table
    views: Floats | None

    def times(self, rows: Floats) -> Integers:
        """Return the times (ms) at which the candles of ``rows`` closed; -1 for NaN."""
        known = np.isfinite(rows)
        closed = np.full(len(rows), -1, dtype=np.int64)
        closed[known] = self.open_time[rows[known].astype(np.int64)] + self.interval_ms
        return closed

    def view(self, name: str) -> Floats:
        """Return one column of the views."""
        if self.views is None:
            raise ParameterError("there are no views; call find_structures(views=True)")
        column: Floats = self.views[:, VIEW_NAMES.index(name)]
        return column


def find_structures(
    candles: CandleColumns,
    settings: IctSettings | None = None,
    *,
    views: bool = False,
    compiled: bool = True,
) -> Structures:
    """Find all structures of ``candles``; with ``views`` also what was known after each candle."""
    rows = len(candles)
    runs_on = backend(compiled)
    columns = rows_of(candles, runs_on)
    # numpy allocates zeros lazily: the log costs memory only where it is written.
    log = runs_on.zeros(LOG_HEAD + 2 * rows * sum(WIDTHS))
    _write(log, 0, _log_head(rows))
    state = runs_on.floats((settings or IctSettings()).state())
    seen = runs_on.zeros(rows * VIEW_SIZE if views else 0)
    runs_on.kernel(ict_rows)(state, log, columns, candles.interval_ms, seen)
    swings, breaks, gaps, blocks, pools = (_table(log, kind) for kind in range(LOG_KINDS))
    shown = np.asarray(seen, dtype=np.float64).reshape(-1, VIEW_SIZE) if views else None
    return Structures(
        candles.open_time, candles.interval_ms, swings, breaks, gaps, blocks, pools, shown
    )


def _write(buffer: Any, at: int, values: Sequence[float]) -> None:
    for i, value in enumerate(values):
        buffer[at + i] = value


def _log_head(rows: int) -> list[float]:
    """Return count, capacity, offset and width of each kind: at most two rows per candle."""
    head: list[float] = []
    offset = LOG_HEAD
    for width in WIDTHS:
        head += [0.0, 2.0 * rows, float(offset), float(width)]
        offset += 2 * rows * width
    return head


def _table(log: Any, kind: int) -> Table:
    """Return the rows of one kind as columns."""
    count, _, offset, width = (int(log[4 * kind + i]) for i in range(4))
    flat = np.asarray(log[offset : offset + count * width], dtype=np.float64)
    rows = flat.reshape(count, width)
    names = tuple(FIELDS)[kind]
    return {name: rows[:, i].copy() for i, name in enumerate(FIELDS[names])}
