"""ICT structures on the price chart: zones, swings, breaks, liquidity, each once it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from flows.report import formats
from flows.report.charts.svg import Box, Scale, group, number, path, tag

Row = Mapping[str, Any]

MAX_ZONES = 60
MAX_POOLS = 20
LIFETIME = 200
"""Bars after which a structure is forgotten, as in `flows.steps.features.ict_columns`."""
ENDS = {"gap": ("filled",), "block": ("broken",), "pool": ("taken", "swept")}
BREAKS = ("break", "change_of_character")
NAMES = {"gap": "fair value gap", "block": "order block", "pool": "liquidity"}


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


def structure_marks(
    marks: Marks, across: Scale, up: Scale, box: Box, span: tuple[int, int]
) -> Markup:
    """Draw everything of ``span`` (ms) as one group under the candles.

    At most ``MAX_ZONES`` zones are drawn, the largest by width and duration, and at most
    ``MAX_POOLS`` pools, the longest-lived.
    """
    first, last = span
    shown = [
        zone
        for zone in marks.zones
        if zone.start < last
        and zone.end > first
        and up(zone.bottom) >= box.top
        and up(zone.top) <= box.bottom
    ]
    shown.sort(key=_weight, reverse=True)
    pools = [zone for zone in shown if zone.kind == "pool"][:MAX_POOLS]
    areas = [zone for zone in shown if zone.kind != "pool"][:MAX_ZONES]
    kept = sorted([*areas, *pools], key=lambda zone: (zone.start, zone.kind, zone.side))
    swings = [swing for swing in marks.swings if first <= swing.at < last]
    breaks = [one for one in marks.breaks if first <= one.at and one.known <= last]
    return group(
        [
            *(_zone(zone, across, up, box, span) for zone in kept),
            *(_break(one, across, up) for one in breaks),
            *_swings(swings, across, up),
        ],
        class_="structures",
    )


def _weight(zone: Zone) -> float:
    """Return the time that a zone lasted, times its height if it has one."""
    height = zone.top - zone.bottom if zone.kind != "pool" else 1.0
    return height * (zone.end - zone.start)


def _zone(zone: Zone, across: Scale, up: Scale, box: Box, span: tuple[int, int]) -> Markup:
    x1 = max(across(max(zone.start, span[0])), box.left)
    x2 = min(across(min(zone.end, span[1])), box.right)
    top = min(max(up(zone.top), box.top), box.bottom)
    bottom = min(max(up(zone.bottom), box.top), box.bottom)
    way = "up" if zone.side > 0 else "down"
    title = tag("title", _title(zone))
    if zone.kind == "pool":
        return tag("line", title, x1=x1, y1=top, x2=x2, y2=top, class_=f"zone pool {way}")
    return tag(
        "rect",
        title,
        x=x1,
        y=top,
        width=max(x2 - x1, 0.5),
        height=max(bottom - top, 0.8),
        class_=f"zone {zone.kind} {way}",
    )


def _title(zone: Zone) -> str:
    words = ("buy-side", "sell-side") if zone.kind == "pool" else ("bullish", "bearish")
    name = f"{words[0] if zone.side > 0 else words[1]} {NAMES[zone.kind]}"
    lived = f"known {formats.moment(zone.start)}, until {formats.moment(zone.end)}"
    if zone.kind == "pool":
        return f"{name} {formats.price(zone.top)}, {lived}"
    return f"{name} {formats.price(zone.bottom)} to {formats.price(zone.top)}, {lived}"


def _break(one: Break, across: Scale, up: Scale) -> Markup:
    x1, x2, y = across(one.at), across(one.known), up(one.level)
    name = "change of character" if one.is_change else "break of structure"
    way = "up" if one.side > 0 else "down"
    title = f"{name} {way} through {formats.price(one.level)} at {formats.moment(one.known)}"
    kind = "change" if one.is_change else "break"
    return tag("line", tag("title", title), x1=x1, y1=y, x2=x2, y2=y, class_=f"{kind} {way}")


def _swings(swings: Sequence[Swing], across: Scale, up: Scale) -> list[Markup]:
    """Draw short ticks beyond the extremes: highs as one path, lows as another."""
    drawn = []
    for side, css in ((1, "swing high"), (-1, "swing low")):
        commands = [
            f"M{number(across(s.at) - 3)} {number(up(s.level) - 4 * side)}h6"
            for s in swings
            if s.side == side
        ]
        if commands:
            drawn.append(path(commands, css))
    return drawn
