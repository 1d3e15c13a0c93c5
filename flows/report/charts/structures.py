"""ICT structures on the price chart: zones, swings, breaks, liquidity, each once it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.report import formats

Row = Mapping[str, Any]

MAX_ZONES = 60
MAX_POOLS = 20
LIFETIME = 200
"""Bars after which a structure is forgotten, as in `flows.steps.features.ict_columns`."""
ENDS = {"gap": ("filled",), "block": ("broken",), "pool": ("taken", "swept")}
BREAKS = ("break", "change_of_character")


@dataclass(frozen=True, slots=True)
class Zone:
    """A gap, a block or a pool (a level) that was known from ``start`` to ``end`` (ms, UTC)."""

    kind: str
    side: int
    top: float
    bottom: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Swing:
    """A confirmed swing high (side 1) or low on the bar that opens at ``at`` (ms)."""

    side: int
    at: int
    level: float


@dataclass(frozen=True, slots=True)
class Break:
    """A close beyond a swing: from the swing's bar to the bar's close that broke it (ms)."""

    side: int
    at: int
    known: int
    level: float
    is_change: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """Everything drawn on one chart."""

    zones: tuple[Zone, ...] = ()
    swings: tuple[Swing, ...] = ()
    breaks: tuple[Break, ...] = ()


def marks_of(events: Sequence[Row], interval_ms: int, until: int) -> Marks:
    """Make structures from rows of the table ``structures``; those still alive end at ``until``."""
    ends: dict[tuple[str, int, int, int], int] = {}
    for row in events:
        if row["event"] in ENDS.get(row["kind"], ()):
            key = _key(row)
            ends[key] = min(ends.get(key, until), formats.as_ms(row["known"]))
    found = [row for row in events if row["event"] == "found"]
    zones, swings, breaks = [], [], []
    for row in found:
        side, at = int(row["side"]), formats.as_ms(row["bar_time"])
        known = formats.as_ms(row["known"])
        if row["kind"] == "swing":
            swings.append(Swing(side, at, row["top"]))
        elif row["kind"] in ENDS:
            end = min(ends.get(_key(row), until), known + LIFETIME * interval_ms, until)
            zones.append(Zone(row["kind"], side, row["top"], row["bottom"], known, end))
        elif row["kind"] in BREAKS:
            is_change = row["kind"] == "change_of_character"
            breaks.append(Break(side, at, known, row["top"], is_change))
    return Marks(tuple(zones), tuple(swings), tuple(breaks))


def _key(row: Row) -> tuple[str, int, int, int]:
    bar_time, found_at = formats.as_ms(row["bar_time"]), formats.as_ms(row["found_at"])
    return str(row["kind"]), int(row["side"]), bar_time, found_at


def structure_data(
    marks: Marks, span: tuple[int, int], prices: tuple[float, float]
) -> dict[str, object]:
    """Return what is drawn of ``span`` (ms) between two prices, under the candles.

    At most ``MAX_ZONES`` zones are drawn, the largest by height and duration, and at most
    ``MAX_POOLS`` pools, the longest-lived.
    """
    first, last = span
    shown = [
        zone
        for zone in marks.zones
        if zone.start < last
        and zone.end > first
        and zone.bottom <= prices[1]
        and zone.top >= prices[0]
    ]
    shown.sort(key=_weight, reverse=True)
    pools = [zone for zone in shown if zone.kind == "pool"][:MAX_POOLS]
    areas = [zone for zone in shown if zone.kind != "pool"][:MAX_ZONES]
    kept = sorted([*areas, *pools], key=lambda zone: (zone.start, zone.kind, zone.side))
    return {
        "zones": [
            {
                "kind": zone.kind,
                "side": zone.side,
                "top": zone.top,
                "bottom": zone.bottom,
                "from": max(zone.start, first),
                "to": min(zone.end, last),
            }
            for zone in kept
        ],
        "swings": [
            {"side": swing.side, "at": swing.at, "level": swing.level}
            for swing in marks.swings
            if first <= swing.at < last
        ],
        "breaks": [
            {
                "side": one.side,
                "from": one.at,
                "to": one.known,
                "level": one.level,
                "change": one.is_change,
            }
            for one in marks.breaks
            if first <= one.at and one.known <= last
        ],
    }


def _weight(zone: Zone) -> float:
    """Return the time that a zone lasted, times its height if it has one."""
    height = zone.top - zone.bottom if zone.kind != "pool" else 1.0
    return height * (zone.end - zone.start)
