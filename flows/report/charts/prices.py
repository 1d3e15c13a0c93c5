"""Charts over time: equity with drawdown, price with trades, walk-forward folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from flows.report import formats
from flows.report.structures import Marks, structure_marks
from flows.report.svg import (
    Box,
    Scale,
    figure,
    group,
    hover,
    moment,
    number,
    padded,
    path,
    tag,
    text,
    ticks,
    time_ticks,
    x_axis,
    y_axis,
)

WIDTH = 920
LEFT = 64
RIGHT = 26
MAX_POINTS = 900
MAX_HOVERS = 160
MAX_BARS = 260


@dataclass(frozen=True, slots=True)
class Curve:
    """A value over time; ``times`` in ms UTC, ascending, as long as ``values``."""

    times: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles as columns; times in ms UTC."""

    times: tuple[int, ...]
    opens: tuple[float, ...]
    highs: tuple[float, ...]
    lows: tuple[float, ...]
    closes: tuple[float, ...]
    interval_ms: int


@dataclass(frozen=True, slots=True)
class TradeMark:
    """One round trip on the price chart; times in ms UTC, ``net`` as a share."""

    entry_time: int
    exit_time: int
    entry_price: float
    exit_price: float
    net: float
    reason: str
    side: int = 1


@dataclass(frozen=True, slots=True)
class FoldSpan:
    """One fold of a walk-forward; times in ms UTC, returns as shares (None: not stored).

    ``shown`` replaces the result at the end of the row; the sign of ``outside`` still colours it.
    """

    label: str
    train_start: int
    train_end: int
    test_start: int
    test_end: int
    inside: float | None
    outside: float | None
    shown: str = ""


def thinned(curve: Curve, limit: int = MAX_POINTS) -> Curve:
    """At most about ``limit`` points; of each bucket the lowest and the highest stay, in order."""
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
    """The distance below the highest value so far, as a share <= 0; the start counts as 1."""
    best = 1.0
    depths = []
    for value in curve.values:
        best = max(best, value)
        depths.append(value / best - 1.0)
    return Curve(curve.times, tuple(depths))


def line(curve: Curve, across: Scale, up: Scale, css: str) -> Markup:
    """The curve as one path."""
    commands = [
        f"{'M' if index == 0 else 'L'}{number(across(time))} {number(up(value))}"
        for index, (time, value) in enumerate(zip(curve.times, curve.values, strict=True))
    ]
    return path(commands, css)


def area(curve: Curve, across: Scale, up: Scale, base: float, css: str) -> Markup:
    """The surface between the curve and ``base``."""
    floor = number(up(base))
    inner = [
        f"L{number(across(time))} {number(up(value))}"
        for time, value in zip(curve.times, curve.values, strict=True)
    ]
    head = f"M{number(across(curve.times[0]))} {floor}"
    tail = f"L{number(across(curve.times[-1]))} {floor}Z"
    return path([head, *inner, tail], css)


def time_scale(low: int, high: int, box: Box) -> Scale:
    """Time to x, over the whole box."""
    return Scale(float(low), float(high), box.left, box.right)


def share_tick(value: float) -> str:
    """A tick of a share as percent."""
    return formats.compact(round(value * 100, 6)) + " %"


def equity_chart(key: str, title: str, equity: Curve) -> Markup:
    """Equity (1 = the start) above, drawdown below, on one time axis."""
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
    """Columns that show the values of the nearest point."""
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


def merged(bars: Bars, limit: int = MAX_BARS) -> Bars:
    """Neighbouring candles joined until at most ``limit`` are left."""
    count = len(bars.times)
    size = -(-count // limit)
    if size <= 1:
        return bars
    cuts = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    return Bars(
        tuple(bars.times[cut.start] for cut in cuts),
        tuple(bars.opens[cut.start] for cut in cuts),
        tuple(max(bars.highs[cut]) for cut in cuts),
        tuple(min(bars.lows[cut]) for cut in cuts),
        tuple(bars.closes[cut][-1] for cut in cuts),
        bars.interval_ms * size,
    )


def candles(bars: Bars, across: Scale, up: Scale, room: float) -> list[Markup]:
    """Rising candles as one path, falling candles as another."""
    half = max(room * 0.32, 0.4)
    rising: list[str] = []
    falling: list[str] = []
    columns = zip(bars.times, bars.opens, bars.highs, bars.lows, bars.closes, strict=True)
    for time, first, high, low, last in columns:
        x = across(time + bars.interval_ms / 2)
        top, bottom = up(max(first, last)), up(min(first, last))
        bottom = max(bottom, top + 0.6)
        mark = (
            f"M{number(x)} {number(up(high))}V{number(up(low))}"
            f"M{number(x - half)} {number(top)}H{number(x + half)}"
            f"V{number(bottom)}H{number(x - half)}Z"
        )
        (rising if last >= first else falling).append(mark)
    return [path(rising, "rise"), path(falling, "fall")]


def trade_mark(trade: TradeMark, across: Scale, up: Scale) -> Markup:
    """Entry triangle, exit dot and the way between them."""
    x1, y1 = across(trade.entry_time), up(trade.entry_price)
    x2, y2 = across(trade.exit_time), up(trade.exit_price)
    won = "won" if trade.net > 0 else "lost"
    turn = 1 if trade.side >= 0 else -1
    triangle = (
        f"M{number(x1)} {number(y1 - 5.5 * turn)}L{number(x1 + 5)} {number(y1 + 4 * turn)}"
        f"H{number(x1 - 5)}Z"
    )
    label = (
        f"{'long' if trade.side >= 0 else 'short'} {formats.price(trade.entry_price)} at "
        f"{formats.moment(trade.entry_time)}, out {formats.price(trade.exit_price)} at "
        f"{formats.moment(trade.exit_time)}: {formats.percent(trade.net)} ({trade.reason})"
    )
    return group(
        [
            tag("title", label),
            tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=f"way {won}"),
            tag("path", d=triangle, class_="entry"),
            tag("circle", cx=x2, cy=y2, r=4, class_=f"exit {won}"),
        ],
        class_="trade",
    )


def price_chart(
    key: str, title: str, bars: Bars, trades: Sequence[TradeMark], marks: Marks | None = None
) -> Markup:
    """Candles of the judged span with every trade on them, and under them what ICT sees."""
    shown = merged(bars)
    box = Box(LEFT, 12, WIDTH - LEFT - RIGHT, 300)
    start, end = shown.times[0], shown.times[-1] + shown.interval_ms
    across = time_scale(start, end, box)
    up = Scale(*padded([*shown.highs, *shown.lows], 0.05), box.bottom, box.top)
    inside = [t for t in trades if start <= t.entry_time <= end and t.exit_time <= end]
    under = [] if marks is None else [structure_marks(marks, across, up, box, (start, end))]
    body = [
        y_axis(box, up, formats.compact, 6),
        *under,
        *candles(shown, across, up, box.width / len(shown.times)),
        x_axis(box, across, time_ticks(start, end)),
        *(trade_mark(trade, across, up) for trade in inside),
    ]
    won = sum(trade.net > 0 for trade in inside)
    desc = (
        f"Price from {formats.day(start)} to {formats.day(end)} with {len(inside)} trades, "
        f"{won} of them won. A triangle is an entry, a dot is an exit."
    )
    return figure(key, title, desc, (WIDTH, 340), body)


def fold_chart(key: str, title: str, folds: Sequence[FoldSpan]) -> Markup:
    """Each fold as a row: the span it learned from and the span it was judged on."""
    row = 26
    plain = Box(LEFT, 8, WIDTH - LEFT - RIGHT - 84, float(row * len(folds)))
    start, end = min(f.train_start for f in folds), max(f.test_end for f in folds)
    across = time_scale(start, end, plain)
    body: list[Markup] = [x_axis(plain, across, time_ticks(start, end))]
    for index, fold in enumerate(folds):
        y = plain.top + index * row + 5
        body.append(text(plain.left - 8, y + 12, fold.label, anchor="end"))
        body.append(
            span_rect(across, fold.train_start, fold.train_end, y, "train", learned_note(fold))
        )
        css = "test flat" if not fold.outside else "test won" if fold.outside > 0 else "test lost"
        body.append(span_rect(across, fold.test_start, fold.test_end, y, css, judged_note(fold)))
        shown = fold.shown or formats.percent(fold.outside)
        body.append(text(WIDTH - RIGHT, y + 12, shown, "value", "end"))
    desc = f"{len(folds)} folds; grey is in-sample, colour is out-of-sample with its result."
    return figure(key, title, desc, (WIDTH, int(plain.bottom) + 26), body)


def span_rect(across: Scale, start: int, end: int, y: float, css: str, note: str) -> Markup:
    """A bar between two times."""
    x = across(start)
    width = max(across(end) - x, 1.0)
    return tag("rect", tag("title", note), x=x, y=y, width=width, height=16, rx=2, class_=css)


def learned_note(fold: FoldSpan) -> str:
    """The tooltip of the learning span."""
    span = formats.span(fold.train_start, fold.train_end)
    if fold.inside is None:
        return f"fold {fold.label}, in-sample {span}"
    return f"fold {fold.label}, in-sample {span}: {formats.percent(fold.inside)}"


def judged_note(fold: FoldSpan) -> str:
    """The tooltip of the judged span."""
    span = formats.span(fold.test_start, fold.test_end)
    shown = fold.shown or formats.percent(fold.outside)
    return f"fold {fold.label}, out-of-sample {span}: {shown}"


def ledger_equity_chart(
    key: str, title: str, equity: Curve, show: Callable[[float], str]
) -> Markup:
    """Account equity in money over the traded span."""
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


__all__ = [
    "Bars",
    "Curve",
    "FoldSpan",
    "TradeMark",
    "drawdown",
    "equity_chart",
    "fold_chart",
    "ledger_equity_chart",
    "moment",
    "price_chart",
    "thinned",
    "ticks",
]
