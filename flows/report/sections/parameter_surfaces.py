"""The parameter surfaces of one search: heat maps through the chosen parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import formats, tables
from flows.report.charts.surfaces import Slice, heat_map, slices
from flows.report.language import joined, tr
from flows.report.views import SurfaceGroup, SurfaceMap

Row = Mapping[str, Any]
SURFACES = (
    ("total_return", "Parameter surface, whole history"),
    ("recent_total_return", "Parameter surface, last days"),
)


def surface_groups(
    key: str, searches: Sequence[Row], params: Mapping[str, Any]
) -> tuple[SurfaceGroup, ...]:
    """Draw heat maps through the chosen parameters: the whole history, and the last days."""
    rows = [(parsed(row["params"]), row) for row in searches]
    marked = [values for values, row in rows if row.get("approved") == 1]
    groups = []
    for column, english in SURFACES:
        title = tr(english)
        points = [
            (values, float(row[column])) for values, row in rows if formats.known(row.get(column))
        ]
        if not any(value for _, value in points):
            if points:
                groups.append(SurfaceGroup(title, tr("no combination traded"), ()))
            continue
        planes = slices(points, params, marked)
        biggest = max(abs(value) for plane in planes for value in plane.values.values())
        maps = tuple(
            surface(f"{key}-{column}-{index}", title, plane, biggest)
            for index, plane in enumerate(planes)
        )
        tried = tables.counted(len(points), "combination")
        note = tr("total return of {tried}; ▢ chosen, • on the plateau", tried=tried)
        groups.append(SurfaceGroup(title, note, maps))
    return tuple(groups)


def surface(key: str, title: str, plane: Slice, biggest: float) -> SurfaceMap:
    """Draw one heat map with the parameters that were fixed."""
    note = ", ".join(f"{name} = {formats.anything(value)}" for name, value in plane.fixed)
    if plane.merged:
        note = tr("median over the other parameters")
    names = joined([name for name in (plane.across, plane.down) if name])
    name = tr("{title}: total return by {names}", title=title, names=names)
    return SurfaceMap(note, heat_map(key, name, plane, biggest))


def parsed(text: Any) -> dict[str, Any]:
    """Read a JSON object from a text column."""
    found = json.loads(text) if isinstance(text, str) else text
    return dict(found) if isinstance(found, Mapping) else {}
