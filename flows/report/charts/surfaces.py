"""The parameter surface as heat maps, and bars for feature importance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from markupsafe import Markup

from flows.report import formats
from flows.report.charts.svg import figure, group, tag, text

CELL_WIDTH = 46
CELL_HEIGHT = 26
MAX_MAPS = 3
LABEL = 62


@dataclass(frozen=True, slots=True)
class Slice:
    """A plane through the searched grid: two parameters vary, the others keep the chosen value."""

    across: str
    down: str
    columns: tuple[float, ...]
    rows: tuple[float, ...]
    values: Mapping[tuple[float, float], float]
    chosen: tuple[float | None, float | None]
    fixed: tuple[tuple[str, float], ...]
    merged: bool
    marked: frozenset[tuple[float, float]] = frozenset()


Point = tuple[Mapping[str, float], float]


def slices(
    points: Sequence[Point],
    chosen: Mapping[str, float],
    marked: Sequence[Mapping[str, float]] = (),
) -> tuple[Slice, ...]:
    """Return planes through the chosen point, one for each pair of parameters that varied.

    If the chosen point is not on the grid, the other parameters are not fixed: a cell is then
    the median over them. Cells of the sets in ``marked`` get a mark.
    """
    names = varying(points)
    if len(names) == 1:
        names = (names[0], names[0])
    found = []
    for across, down in list(combinations(names, 2))[:MAX_MAPS]:
        others = [name for name in names if name not in (across, down)]
        on_grid = all(
            any(near(params[name], chosen.get(name)) for params, _ in points) for name in others
        )
        fixed = others if on_grid else []
        plane = one_slice(points, chosen, across, down, fixed, others)
        through = [
            (params.get(across, 0.0), params.get(down, 0.0) if plane.down else 0.0)
            for params in marked
            if all(near(params.get(name), chosen.get(name)) for name in fixed)
        ]
        found.append(replace(plane, marked=frozenset(through)))
    return tuple(found)


def varying(points: Sequence[Point]) -> tuple[str, ...]:
    """Return the numeric parameters with more than one value among the points."""
    names = sorted({name for params, _ in points for name in params})
    kept = []
    for name in names:
        values = {params.get(name) for params, _ in points}
        if len(values) > 1 and all(isinstance(value, (int, float)) for value in values):
            kept.append(name)
    return tuple(kept)


def near(a: float | None, b: float | None) -> bool:
    """Check whether two values are equal up to the rounding of a grid step."""
    return a is not None and b is not None and abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))


def one_slice(
    points: Sequence[Point],
    chosen: Mapping[str, float],
    across: str,
    down: str,
    fixed: Sequence[str],
    others: Sequence[str],
) -> Slice:
    """Return the cells of one plane."""
    cells: dict[tuple[float, float], list[float]] = {}
    for params, value in points:
        if all(near(params[name], chosen.get(name)) for name in fixed):
            cells.setdefault((params[across], params[down]), []).append(value)
    columns = tuple(sorted({column for column, _ in cells}))
    rows = tuple(sorted({row for _, row in cells}, reverse=True)) if across != down else ()
    return Slice(
        across,
        down if across != down else "",
        columns,
        rows or (0.0,),
        {(column, row if rows else 0.0): median(values) for (column, row), values in cells.items()},
        (chosen.get(across), chosen.get(down) if rows else 0.0),
        tuple((name, chosen[name]) for name in fixed),
        bool(others) and not fixed,
    )


def heat_map(
    key: str, title: str, plane: Slice, biggest: float, show: Callable[[float], str]
) -> Markup:
    """Draw one plane: colour for the sign, depth for the size against ``biggest``, numbers."""
    width = LABEL + CELL_WIDTH * len(plane.columns) + 8
    bottom = 8 + CELL_HEIGHT * len(plane.rows)
    body: list[Markup] = []
    for r, row in enumerate(plane.rows):
        y = 8 + r * CELL_HEIGHT
        if plane.down:
            body.append(text(LABEL - 8, y + 17, formats.anything(row), anchor="end"))
        for c, column in enumerate(plane.columns):
            value = plane.values.get((column, row))
            body.append(cell(plane, (column, row), value, LABEL + c * CELL_WIDTH, y, biggest, show))
    for c, column in enumerate(plane.columns):
        x = LABEL + (c + 0.5) * CELL_WIDTH
        body.append(text(x, bottom + 15, formats.anything(column), anchor="middle"))
    middle = LABEL + CELL_WIDTH * len(plane.columns) / 2
    body.append(text(middle, bottom + 33, plane.across, "note", "middle"))
    body.extend(chosen_frame(plane))
    if plane.down:
        middle = 8 + CELL_HEIGHT * len(plane.rows) / 2
        body.append(
            tag(
                "text",
                plane.down,
                class_="note",
                text_anchor="middle",
                transform=f"translate(11 {middle:.0f}) rotate(-90)",
            )
        )
    return figure(key, title, surface_text(plane, show), (width, bottom + 42), body, True)


def cell(
    plane: Slice,
    at: tuple[float, float],
    value: float | None,
    x: float,
    y: float,
    biggest: float,
    show: Callable[[float], str],
) -> Markup:
    """Draw one combination."""
    if value is None:
        return tag("rect", x=x, y=y, width=CELL_WIDTH - 2, height=CELL_HEIGHT - 2, class_="empty")
    strength = 0.1 + 0.7 * min(abs(value) / biggest, 1.0) if value else 1.0
    css = "plus" if value > 0 else "minus" if value < 0 else "zero"
    where = f"{plane.across} {formats.anything(at[0])}"
    if plane.down:
        where += f", {plane.down} {formats.anything(at[1])}"
    return group(
        [
            tag("title", f"{where}: {show(value)}"),
            tag(
                "rect",
                x=x,
                y=y,
                width=CELL_WIDTH - 2,
                height=CELL_HEIGHT - 2,
                rx=2,
                class_=f"heat {css}",
                fill_opacity=f"{strength:.2f}",
            ),
            text(x + CELL_WIDTH / 2 - 1, y + 16, show(value), "cell", "middle"),
            *approved_dot(plane, at, x, y),
        ]
    )


def approved_dot(plane: Slice, at: tuple[float, float], x: float, y: float) -> list[Markup]:
    """Draw a dot in the corner of an approved combination."""
    if at not in plane.marked:
        return []
    return [tag("circle", cx=x + CELL_WIDTH - 7, cy=y + 5, r=1.8, class_="approved")]


def chosen_frame(plane: Slice) -> list[Markup]:
    """Draw a frame around the chosen combination, last so that nothing covers it."""
    for r, row in enumerate(plane.rows):
        for c, column in enumerate(plane.columns):
            if near(plane.chosen[0], column) and near(plane.chosen[1], row):
                return [
                    tag(
                        "rect",
                        x=LABEL + c * CELL_WIDTH - 1,
                        y=8 + r * CELL_HEIGHT - 1,
                        width=CELL_WIDTH,
                        height=CELL_HEIGHT,
                        rx=3,
                        class_="chosen",
                    )
                ]
    return []


def surface_text(plane: Slice, show: Callable[[float], str]) -> str:
    """Describe the map in one sentence."""
    values = list(plane.values.values())
    if not values:
        return "No combination was stored."
    positive = sum(value > 0 for value in values)
    return (
        f"{len(values)} combinations from {show(min(values))} to {show(max(values))}; "
        f"{positive} of them above zero."
    )


def bars_chart(key: str, title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """Draw horizontal bars in the given order: label, share, and a hint for the tooltip."""
    height, left, width = 22, 190, 560
    biggest = max((value for _, value, _ in rows), default=0.0) or 1.0
    room = width - left - 64
    body: list[Markup] = []
    for index, (label, value, hint) in enumerate(rows):
        y = 6 + index * height
        long = max(value / biggest * room, 1.0)
        shown = formats.percent(value, 1)
        body.append(
            group(
                [
                    tag("title", f"{label}: {shown}. {hint}" if hint else f"{label}: {shown}"),
                    text(left - 10, y + 14, label, anchor="end"),
                    tag("rect", x=left, y=y + 3, width=long, height=14, rx=2, class_="bar"),
                    text(left + long + 8, y + 14, shown, "value"),
                ]
            )
        )
    desc = "; ".join(f"{label} {formats.percent(value, 1)}" for label, value, _ in rows[:3])
    return figure(
        key,
        title,
        desc or "No importance was stored.",
        (width, len(rows) * height + 12),
        body,
        True,
    )
