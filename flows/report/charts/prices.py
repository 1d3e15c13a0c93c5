"""The price chart: candles, the trades on them, and the ICT structures under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from flows.report import formats
from flows.report.charts.structures import Marks, structure_marks
from flows.report.charts.svg import (
    LEFT,
    RIGHT,
    WIDTH,
    Box,
    Scale,
    figure,
    group,
    number,
    padded,
    path,
    tag,
    time_scale,
    time_ticks,
    x_axis,
    y_axis,
)

MAX_BARS = 260


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


def merged(bars: Bars, limit: int = MAX_BARS) -> Bars:
    """Join neighbouring candles until at most ``limit`` are left."""
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
    """Draw rising candles as one path, falling candles as another."""
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
    """Draw the entry triangle, the exit dot and the line between them."""
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
    """Draw the candles of the test spans, every trade on them, and ICT structures under them."""
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
