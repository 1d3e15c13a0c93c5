"""Results by day and by period: the risk of a day, and each period beside buy-and-hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from flows.report import formats
from flows.report.charts.curves import Curve, daily_returns
from flows.report.charts.prices import TradeMark
from flows.report.language import each, tr
from flows.report.sections.trade_summary import share
from flows.report.views import BAD, GOOD, Cell, TableView
from trading.research.day_risk import day_risk

MOST_MONTHS = 24
PERIOD_HEAD = ("Strategy", "Buy and hold", "Difference")


def risk_grid(equity: Curve, trades: Sequence[TradeMark]) -> TableView | None:
    """Show the risk of a day; days are those of UTC. None without a trade."""
    results = [one.net for one in sorted(trades, key=lambda one: one.exit_time)]
    risk = day_risk(daily_returns(equity), results)
    if risk is None:
        return None
    won = tr("{count} of {verdicts}", count=risk.days_won, verdicts=risk.days)
    rows = (
        (Cell(tr("Best day")), share(risk.best_day)),
        (Cell(tr("Worst day")), share(risk.worst_day)),
        (Cell(tr("Days won")), Cell(won)),
        (Cell(tr("Volatility of a year")), _carried(risk.volatility, _plain)),
        (Cell(tr("Value at risk of a day, 95 %")), _carried(risk.value_at_risk, share)),
        (Cell(tr("Expected shortfall of a day, 95 %")), _carried(risk.expected_shortfall, share)),
        (Cell(tr("Largest run-up")), _plain(risk.run_up)),
        (Cell(tr("System quality number (SQN)")), _carried(risk.quality, _ratio)),
    )
    return TableView((tr("Days and risk"), tr("Value")), rows)


def _carried(value: float | None, shown: Callable[[float], Cell]) -> Cell:
    """Show a figure, or say that too few days or trades carry it."""
    return Cell(tr("too few")) if value is None else shown(value)


def _plain(value: float) -> Cell:
    return Cell(formats.percent(value))


def _ratio(value: float) -> Cell:
    return Cell(formats.decimal(value), GOOD if value > 0 else BAD if value < 0 else "")


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
