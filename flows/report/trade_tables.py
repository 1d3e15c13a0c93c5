"""Trades by exit reason and by day of the week, and the deepest drawdowns with their ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from flows.report import formats
from flows.report.charts.curves import Curve
from flows.report.charts.prices import TradeMark
from flows.report.language import each, tr
from flows.report.sections.trade_summary import compound, duration, held, profit_factor, share
from flows.report.views import BAD, WARN, Cell, TableView

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
GROUP_HEAD = ("Trades", "Result, compounded", "Win rate", "Mean trade", "Profit factor", "Held")
DRAWDOWN_HEAD = ("Depth", "Began", "Lowest", "Recovered", "Length")
MOST_DRAWDOWNS = 5

Trades = Sequence[TradeMark]


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall from a peak of a curve; times in ms UTC, ``end`` is None if it lasts still."""

    depth: float
    start: int
    lowest: int
    end: int | None


def reason_grid(trades: Trades) -> TableView | None:
    """Show the trades of each exit reason, the most frequent first."""
    names = sorted({trade.reason for trade in trades})
    groups = [(name, [trade for trade in trades if trade.reason == name]) for name in names]
    groups.sort(key=lambda group: (-len(group[1]), group[0]))
    shown = [(tr(name.replace("_", " ")), own) for name, own in groups]
    return _grid(tr("Exit reason"), shown)


def weekday_grid(trades: Trades) -> TableView | None:
    """Show the trades by the day of the week of their exit, by the clock of the page."""
    days: list[list[TradeMark]] = [[] for _ in WEEKDAYS]
    for trade in trades:
        when = formats.local(trade.exit_time)
        assert when is not None
        days[when.weekday()].append(trade)
    groups = zip(each(WEEKDAYS), days, strict=True)
    return _grid(tr("Day of the exit"), [(name, own) for name, own in groups if own])


def _grid(head: str, groups: Sequence[tuple[str, Trades]]) -> TableView | None:
    if not groups:
        return None
    rows = tuple(
        (
            Cell(name),
            Cell(formats.whole(len(own))),
            share(compound(own)),
            Cell(formats.percent(mean(one.net > 0 for one in own), 1)),
            share(mean(one.net for one in own)),
            Cell(profit_factor(own)),
            Cell(duration(mean(held(own)))),
        )
        for name, own in groups
    )
    return TableView((head, *each(GROUP_HEAD)), rows)


def drawdowns(curve: Curve) -> list[Drawdown]:
    """Return every fall of a curve from its peak, the deepest first; the curve starts at a peak."""
    found: list[Drawdown] = []
    peak, since = curve.values[0], curve.times[0]
    lowest, at = math.inf, since
    for time, value in zip(curve.times, curve.values, strict=True):
        if value < peak:
            if value < lowest:
                lowest, at = value, time
            continue
        if lowest < peak:
            found.append(Drawdown(lowest / peak - 1.0, since, at, time))
        peak, since, lowest = value, time, math.inf
    if lowest < peak:
        found.append(Drawdown(lowest / peak - 1.0, since, at, None))
    return sorted(found, key=lambda one: (one.depth, one.start))


def drawdown_grid(curve: Curve) -> TableView | None:
    """Show the deepest drawdowns: when each began, was lowest and was made up for."""
    every = drawdowns(curve)
    rows = tuple(_drawdown_row(one, curve.times[-1]) for one in every[:MOST_DRAWDOWNS])
    hidden = len(every) - len(rows)
    more = tr("The deepest {shown} of {drawdowns}.", shown=len(rows), drawdowns=len(every))
    caption = tr("Deepest drawdowns")
    head = each(DRAWDOWN_HEAD)
    words = frozenset({1, 2, 3})
    return TableView(head, rows, words, caption, more if hidden else "") if rows else None


def _drawdown_row(one: Drawdown, last: int) -> tuple[Cell, ...]:
    ended = Cell(tr("not yet"), WARN) if one.end is None else Cell(formats.stamp(one.end))
    return (
        Cell(formats.percent(one.depth), BAD),
        Cell(formats.stamp(one.start)),
        Cell(formats.stamp(one.lowest)),
        ended,
        Cell(duration((last if one.end is None else one.end) - one.start)),
    )
