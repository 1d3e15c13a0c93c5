"""The parameter surface as heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from flows.report import formats
from flows.report.language import tr
from flows.report.views import Chart

MAX_MAPS = 3


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


def heat_map(key: str, title: str, plane: Slice, biggest: float) -> Chart:
    """Show one plane: colour for the sign, depth for the size against ``biggest``, a share."""
    data = {
        "across": plane.across,
        "down": plane.down,
        "columns": [formats.anything(column) for column in plane.columns],
        "rows": [formats.anything(row) if plane.down else "" for row in plane.rows],
        "values": [
            [plane.values.get((column, row)) for column in plane.columns] for row in plane.rows
        ],
        "unit": "share",
        "digits": 1,
        "biggest": biggest,
        "chosen": chosen_cell(plane),
        "marked": [
            [r, c]
            for r, row in enumerate(plane.rows)
            for c, column in enumerate(plane.columns)
            if (column, row) in plane.marked
        ],
    }
    return Chart(key, "heat-map", title, surface_text(plane), data)


def chosen_cell(plane: Slice) -> list[int] | None:
    """Return row and column of the chosen combination, if the plane holds it."""
    for r, row in enumerate(plane.rows):
        for c, column in enumerate(plane.columns):
            if near(plane.chosen[0], column) and near(plane.chosen[1], row):
                return [r, c]
    return None


def surface_text(plane: Slice) -> str:
    """Describe the map in one sentence."""
    values = list(plane.values.values())
    if not values:
        return tr("No combination was stored.")
    positive = sum(value > 0 for value in values)
    return tr(
        "{combinations} combinations from {lowest} to {highest}; {positive} of them above zero.",
        combinations=len(values),
        lowest=formats.percent(min(values), 1),
        highest=formats.percent(max(values), 1),
        positive=positive,
    )
