"""Elements, scales and ticks of the report's charts.

A chart is an inline SVG that takes its colours from the page's CSS variables, so that it follows
light and dark. Everything that is not a number passes through :func:`tag`, which escapes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup, escape

from trading.candles import DAY_MS, HOUR_MS

WIDTH = 920
LEFT = 64
RIGHT = 26

TIME_STEPS = (
    *(hours * HOUR_MS for hours in (1, 3, 6, 12)),
    *(days * DAY_MS for days in (1, 2, 5, 7, 14)),
)
MONTH_STEPS = (1, 2, 3, 6, 12)


def number(value: float) -> str:
    """Write a coordinate with one decimal and no negative zero: short, and equal everywhere."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def tag(name: str, *content: str, **attributes: object) -> Markup:
    """Write one SVG element; ``class_`` becomes ``class``, ``font_size`` becomes ``font-size``."""
    parts = [name]
    for key, value in attributes.items():
        if value is None:
            continue
        shown = number(value) if isinstance(value, float) else str(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    inner = "".join(str(escape(piece)) for piece in content)
    head = " ".join(parts)
    return Markup(f"<{head}>{inner}</{name}>" if inner else f"<{head}/>")


def group(pieces: Iterable[str], **attributes: object) -> Markup:
    """Put elements into a ``<g>``."""
    return tag("g", *pieces, **attributes)


def text(x: float, y: float, label: str, css: str = "tick", anchor: str = "start") -> Markup:
    """Draw a label with its baseline at ``y``."""
    return tag("text", label, x=x, y=y, class_=css, text_anchor=anchor)


def path(commands: Sequence[str], css: str) -> Markup:
    """Join commands into one ``<path>``: a thousand candles are two paths, not 4,000 lines."""
    return tag("path", d="".join(commands), class_=css)


def figure(
    key: str,
    title: str,
    desc: str,
    size: tuple[int, int],
    body: Iterable[str],
    natural: bool = False,
) -> Markup:
    """Write the whole ``<svg>`` with its accessible name and description.

    It is as wide as the page or, if ``natural``, as wide as its own units say.
    """
    width, height = size
    return tag(
        "svg",
        tag("title", title, id=f"{key}-t"),
        tag("desc", desc, id=f"{key}-d"),
        *body,
        viewBox=f"0 0 {width} {height}",
        width=width if natural else None,
        class_="chart natural" if natural else "chart",
        role="img",
        aria_labelledby=f"{key}-t {key}-d",
        preserveAspectRatio="xMinYMin meet",
    )


@dataclass(frozen=True, slots=True)
class Box:
    """A plotting area inside the viewBox, in SVG units."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """X of the right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Y of the lower edge."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from ``low..high`` to ``start..end``; an empty range maps to the middle."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the coordinate of ``value``."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def time_scale(low: int, high: int, box: Box) -> Scale:
    """Map time to x over the whole box."""
    return Scale(float(low), float(high), box.left, box.right)


def nice_step(span: float, wanted: int) -> float:
    """Return 1, 2, 2.5 or 5 times a power of ten, about ``wanted`` steps in ``span``."""
    if span <= 0:
        return 1.0
    rough = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0):
        if rough <= factor * power * 1.0001:
            return factor * power
    return 10.0 * power


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round values inside ``low..high``, at most about ``wanted`` + 1."""
    step = nice_step(high - low, wanted)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """Return the range of ``values`` with some margin, also around a flat line."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return (0.0, 1.0)
    low, high = min(known), max(known)
    air = (high - low) * share or max(abs(high), 1.0) * 0.01
    return (low - air, high + air)


def moment(ms: float) -> datetime:
    """Convert milliseconds since the epoch to a UTC time."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def day_label(ms: float) -> str:
    """Write ``09 May``, or the year on its first day."""
    when = moment(ms)
    if when.month == 1 and when.day == 1:
        return f"{when:%Y}"
    return f"{when:%d %b}"


def time_ticks(low: float, high: float, wanted: int = 8) -> list[tuple[int, str]]:
    """Return round UTC times inside ``low..high`` with their labels."""
    span = high - low
    for step in TIME_STEPS:
        if span / step <= wanted:
            first = math.ceil(low / step)
            times = [index * step for index in range(first, math.floor(high / step) + 1)]
            if step < DAY_MS:
                return hour_ticks(times)
            return [(t, day_label(t)) for t in times]
    return month_ticks(low, high, wanted)


def hour_ticks(times: Sequence[int]) -> list[tuple[int, str]]:
    """Label hours, with the day where it begins, or on the first tick if no day begins."""
    labels = [(t, f"{moment(t):%H:%M}" if t % DAY_MS else day_label(t)) for t in times]
    if times and all(t % DAY_MS for t in times):
        labels[0] = (times[0], f"{moment(times[0]):%d %b %H:%M}")
    return labels


def month_ticks(low: float, high: float, wanted: int) -> list[tuple[int, str]]:
    """Return the first days of months inside ``low..high``."""
    start, end = moment(low), moment(high)
    months = (end.year - start.year) * 12 + end.month - start.month
    step = next((s for s in MONTH_STEPS if months / s <= wanted), MONTH_STEPS[-1])
    found = []
    for index in range(months + 1):
        serial = start.year * 12 + start.month - 1 + index
        if serial % step:
            continue
        first = datetime(serial // 12, serial % 12 + 1, 1, tzinfo=UTC)
        ms = int(first.timestamp() * 1000)
        if low <= ms <= high:
            found.append((ms, f"{first:%Y}" if first.month == 1 else f"{first:%b}"))
    return found


def y_axis(box: Box, scale: Scale, show: Callable[[float], str], wanted: int = 5) -> Markup:
    """Draw horizontal grid lines with their values on the left."""
    pieces: list[str] = []
    for value in ticks(scale.low, scale.high, wanted):
        y = scale(value)
        pieces.append(tag("line", x1=box.left, x2=box.right, y1=y, y2=y, class_="grid"))
        pieces.append(text(box.left - 8, y + 3.5, show(value), anchor="end"))
    return group(pieces)


def x_axis(box: Box, scale: Scale, labels: Sequence[tuple[float, str]]) -> Markup:
    """Draw ticks and labels under the box."""
    pieces: list[str] = [
        tag("line", x1=box.left, x2=box.right, y1=box.bottom, y2=box.bottom, class_="axis")
    ]
    for value, label in labels:
        x = scale(value)
        pieces.append(
            tag("line", x1=x, x2=x, y1=box.bottom, y2=box.bottom + 4, class_="axis"),
        )
        pieces.append(text(x, box.bottom + 16, label, anchor="middle"))
    return group(pieces)


def hover(x: float, y: float, width: float, height: float, label: str) -> Markup:
    """Draw an invisible rectangle that shows ``label`` under the pointer."""
    return tag("rect", tag("title", label), x=x, y=y, width=width, height=height, class_="hover")
