"""Results by day and by period: the risk of a day, and each period beside buy-and-hold."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np

from flows.report import formats
from flows.report.charts.curves import Curve, daily_returns
from flows.report.charts.prices import TradeMark
from flows.report.language import each, tr
from flows.report.sections.trade_summary import share
from flows.report.tables import FEW_TRADES
from flows.report.views import Cell, TableView

LEAST_DAYS = 20
"""Fewer days carry no quantile of a twentieth and no volatility."""
MOST_MONTHS = 24
PERIOD_HEAD = ("Strategy", "Buy and hold", "Difference")


def run_up(curve: Curve) -> float:
    """Return the largest rise from a low to a later value, as a share of the low."""
    lowest, most = curve.values[0], 0.0
    for value in curve.values:
        lowest = min(lowest, value)
        most = max(most, value / lowest - 1.0 if lowest > 0 else 0.0)
    return most


def quality_number(trades: Sequence[TradeMark]) -> float | None:
    """Return the system quality number (V. Tharp): √n × mean over deviation of the trades' results.

    None for too few trades, or for equal results.
    """
    results = [trade.net for trade in trades]
    if len(results) < FEW_TRADES or stdev(results) < 1e-12:
        return None
    return math.sqrt(len(results)) * mean(results) / stdev(results)


def value_at_risk(returns: Sequence[float], tail: float = 0.05) -> tuple[float, float]:
    """Return the quantile ``tail`` of daily returns, and the mean of the returns up to it."""
    edge = float(np.quantile(np.array(returns), tail))
    return edge, mean(value for value in returns if value <= edge)


def risk_grid(equity: Curve, trades: Sequence[TradeMark]) -> TableView | None:
    """Show the risk of a day; days are those of UTC. None without a trade."""
    returns = daily_returns(equity)
    if not trades or not returns:
        return None
    few = Cell(tr("too few"))
    enough = len(returns) >= LEAST_DAYS and len(trades) >= FEW_TRADES
    edge, beyond = value_at_risk(returns) if enough else (0.0, 0.0)
    quality = quality_number(trades)
    volatility = formats.percent(stdev(returns) * math.sqrt(365)) if enough else ""
    won = sum(value > 0 for value in returns)
    rows = (
        (Cell(tr("Best day")), share(max(returns))),
        (Cell(tr("Worst day")), share(min(returns))),
        (Cell(tr("Days won")), Cell(tr("{count} of {verdicts}", count=won, verdicts=len(returns)))),
        (Cell(tr("Volatility of a year")), Cell(volatility) if enough else few),
        (Cell(tr("Value at risk of a day, 95 %")), share(edge) if enough else few),
        (Cell(tr("Expected shortfall of a day, 95 %")), share(beyond) if enough else few),
        (Cell(tr("Largest run-up")), Cell(formats.percent(run_up(equity)))),
        (
            Cell(tr("System quality number (SQN)")),
            few if quality is None else Cell(formats.decimal(quality)),
        ),
    )
    return TableView((tr("Days and risk"), tr("Value")), rows)


def period_grid(equity: Curve, hold: Curve) -> TableView | None:
    """Show the result of each month, or year in a long run, beside that of buy-and-hold.

    Both curves begin and end together; periods are those of the page's clock.
    """
    edges = period_edges(equity.times[0], equity.times[-1])
    if len(edges) < 2:
        return None
    rows = []
    for label, start, end in edges:
        own, held = (at(one, end) / at(one, start) - 1.0 for one in (equity, hold))
        rows.append((Cell(label), share(own), share(held), share(own - held)))
    caption = tr("Strategy and buy-and-hold by period")
    return TableView((tr("Period"), *each(PERIOD_HEAD)), tuple(rows), frozenset({0}), caption)


def at(curve: Curve, time: int) -> float:
    """Return the value of a stepped curve at a time."""
    return curve.values[max(bisect_right(curve.times, time) - 1, 0)]


def period_edges(start: int, end: int) -> list[tuple[str, int, int]]:
    """Return label, start and end (ms UTC) of the months, or years, that a span touches."""
    months = [(start, *_year_and_month(start))]
    while True:
        _, year, month = months[-1]
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        begin = formats.start_of_month(year, month)
        if begin >= end:
            break
        months.append((begin, year, month))
    if len(months) > MOST_MONTHS:
        firsts = [one for place, one in enumerate(months) if place == 0 or one[2] == 1]
        named = [(str(year), begin) for begin, year, _ in firsts]
    else:
        named = [(f"{year}-{month:02d}", begin) for begin, year, month in months]
    ends = [begin for _, begin in named[1:]] + [end]
    return [(label, begin, stop) for (label, begin), stop in zip(named, ends, strict=True)]


def _year_and_month(ms: int) -> tuple[int, int]:
    when = formats.local(ms)
    assert when is not None
    return when.year, when.month
