"""Charts of a value over time: equity with its drawdown, and the account's equity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from flows.report import formats
from flows.report.charts.svg import (
    LEFT,
    RIGHT,
    WIDTH,
    Box,
    Scale,
    figure,
    group,
    hover,
    number,
    padded,
    path,
    tag,
    text,
    time_scale,
    time_ticks,
    x_axis,
    y_axis,
)

MAX_POINTS = 900
MAX_HOVERS = 160


@dataclass(frozen=True, slots=True)
class Curve:
    """A value over time; ``times`` in ms UTC, ascending, as long as ``values``."""

    times: tuple[int, ...]
    values: tuple[float, ...]


def thinned(curve: Curve, limit: int = MAX_POINTS) -> Curve:
    """Keep about ``limit`` points at most: the lowest and the highest of each bucket, in order."""
    size = len(curve.times)
    if size <= limit:
        return curve
    bucket = -(-size * 2 // limit)
    keep: list[int] = []
    for start in range(0, size, bucket):
        span = range(start, min(start + bucket, size))
        low = min(span, key=curve.values.__getitem__)
        high = max(span, key=curve.values.__getitem__)
        keep.extend(sorted({low, high}))
    if keep[-1] != size - 1:
        keep.append(size - 1)
    return Curve(
        tuple(curve.times[index] for index in keep), tuple(curve.values[index] for index in keep)
    )


def drawdown(curve: Curve) -> Curve:
    """Return how far each value is below the highest so far, a share <= 0; the start is 1."""
    best = 1.0
    depths = []
    for value in curve.values:
        best = max(best, value)
        depths.append(value / best - 1.0)
    return Curve(curve.times, tuple(depths))


def line(curve: Curve, across: Scale, up: Scale, css: str) -> Markup:
    """Draw the curve as one path."""
    commands = [
        f"{'M' if index == 0 else 'L'}{number(across(time))} {number(up(value))}"
        for index, (time, value) in enumerate(zip(curve.times, curve.values, strict=True))
    ]
    return path(commands, css)


def area(curve: Curve, across: Scale, up: Scale, base: float, css: str) -> Markup:
    """Draw the area between the curve and ``base``."""
    floor = number(up(base))
    inner = [
        f"L{number(across(time))} {number(up(value))}"
        for time, value in zip(curve.times, curve.values, strict=True)
    ]
    head = f"M{number(across(curve.times[0]))} {floor}"
    tail = f"L{number(across(curve.times[-1]))} {floor}Z"
    return path([head, *inner, tail], css)


def share_tick(value: float) -> str:
    """Write a tick of a share as percent."""
    return formats.compact(round(value * 100, 6)) + " %"


def equity_chart(key: str, title: str, equity: Curve) -> Markup:
    """Draw equity (1 = the start) above and drawdown below, on one time axis."""
    drawn = thinned(equity)
    depth = thinned(drawdown(equity))
    upper, lower = (
        Box(LEFT, 12, WIDTH - LEFT - RIGHT, 190),
        Box(LEFT, 226, WIDTH - LEFT - RIGHT, 76),
    )
    across = time_scale(equity.times[0], equity.times[-1], upper)
    low, high = padded([*equity.values, 1.0])
    up = Scale(low, high, upper.bottom, upper.top)
    deepest = min([*depth.values, -0.001]) * 1.08
    down = Scale(deepest, 0.0, lower.bottom, lower.top)
    one = up(1.0)
    body = [
        y_axis(upper, up, lambda value: share_tick(value - 1.0), 4),
        y_axis(lower, down, share_tick, 2),
        tag("line", x1=upper.left, x2=upper.right, y1=one, y2=one, class_="base"),
        area(drawn, across, up, 1.0, "area"),
        line(drawn, across, up, "line"),
        area(depth, across, down, 0.0, "area-bad"),
        line(depth, across, down, "line-bad"),
        text(upper.right, upper.top + 2, "equity, net of costs", "note", "end"),
        text(lower.right, lower.top - 7, "drawdown", "note", "end"),
        x_axis(lower, across, time_ticks(equity.times[0], equity.times[-1])),
        hovers(equity, upper, lower.bottom, across),
    ]
    last, worst = equity.values[-1] - 1.0, min(drawdown(equity).values)
    desc = (
        f"From {formats.day(equity.times[0])} to {formats.day(equity.times[-1])}: result "
        f"{formats.percent(last)}, deepest drawdown {formats.percent(worst)}."
    )
    return figure(key, title, desc, (WIDTH, 328), body)


def hovers(equity: Curve, upper: Box, bottom: float, across: Scale) -> Markup:
    """Draw columns that show the values of the nearest point."""
    depths = drawdown(equity).values
    last = {time: index for index, time in enumerate(equity.times)}
    points = list(last.values())
    chosen = points[:: -(-len(points) // MAX_HOVERS)]
    width = upper.width / max(len(chosen), 1)
    return group(
        hover(
            max(across(equity.times[i]) - width / 2, upper.left),
            upper.top,
            width,
            bottom - upper.top,
            f"{formats.moment(equity.times[i])}: {formats.percent(equity.values[i] - 1.0)}, "
            f"drawdown {formats.percent(depths[i])}",
        )
        for i in chosen
    )


def ledger_equity_chart(
    key: str, title: str, equity: Curve, show: Callable[[float], str]
) -> Markup:
    """Draw account equity in money over the traded span."""
    drawn = thinned(equity)
    box = Box(LEFT + 16, 12, WIDTH - LEFT - 16 - RIGHT, 170)
    across = time_scale(equity.times[0], equity.times[-1], box)
    up = Scale(*padded(equity.values), box.bottom, box.top)
    body = [
        y_axis(box, up, show, 4),
        line(drawn, across, up, "line"),
        x_axis(box, across, time_ticks(equity.times[0], equity.times[-1])),
    ]
    low, high = min(equity.values), max(equity.values)
    desc = (
        f"Equity from {formats.moment(equity.times[0])} to {formats.moment(equity.times[-1])}, "
        f"between {formats.decimal(low)} and {formats.decimal(high)}."
    )
    return figure(key, title, desc, (WIDTH, 212), body)
