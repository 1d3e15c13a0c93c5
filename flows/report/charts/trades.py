"""Charts of round trips: by month, by exit reason, their distribution and their excursions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from flows.report import formats
from flows.report.charts.prices import TradeMark
from flows.report.language import each, tr
from flows.report.views import Chart

MOST_BINS = 24


@dataclass(frozen=True, slots=True)
class Excursion:
    """How far the price went against and for a trade while it was open, as shares >= 0."""

    trade: TradeMark
    against: float
    favour: float


def monthly_returns(trades: Sequence[TradeMark]) -> dict[tuple[int, int], float]:
    """Compound the trades that were closed in each month, by (year, month) of the page's clock."""
    growth: dict[tuple[int, int], float] = defaultdict(lambda: 1.0)
    for trade in trades:
        when = formats.local(trade.exit_time)
        assert when is not None
        growth[when.year, when.month] *= 1.0 + trade.net
    return {month: value - 1.0 for month, value in sorted(growth.items())}


def month_map(key: str, trades: Sequence[TradeMark]) -> Chart | None:
    """Show the return of each month, one row a year, with the year's own at the end."""
    months = monthly_returns(trades)
    if not months:
        return None
    years = sorted({year for year, _ in months})
    rows = []
    for year in years:
        own = [months.get((year, month)) for month in range(1, 13)]
        whole = math.prod(1.0 + value for value in own if value is not None) - 1.0
        rows.append([*own, whole])
    biggest = max(abs(value) for value in months.values()) or 1.0
    won = sum(value > 0 for value in months.values())
    text = tr(
        "{won} of {months} months won; trades count in the month of their exit.",
        won=won,
        months=len(months),
    )
    data = {
        "across": "",
        "down": "",
        "columns": [*each(formats.MONTHS), tr("Year")],
        "rows": [str(year) for year in years],
        "values": rows,
        "unit": "share",
        "digits": 1,
        "biggest": biggest,
        "chosen": None,
        "marked": [],
    }
    return Chart(key, "heat-map", tr("Monthly returns"), text, data, tr("by month of the exit"))


def reason_bars(key: str, trades: Sequence[TradeMark]) -> Chart | None:
    """Show how many trades each exit reason ended, won beside lost."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for trade in trades:
        counts[tr(trade.reason.replace("_", " "))][0 if trade.net > 0 else 1] += 1
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1]), item[0]))
    text = (
        "; ".join(
            tr("{reason}: {won} won, {lost} lost", reason=reason, won=won, lost=lost)
            for reason, (won, lost) in ordered
        )
        + "."
    )
    series = [
        {"label": tr("won"), "tone": "good", "values": [won for _, (won, _) in ordered]},
        {"label": tr("lost"), "tone": "bad", "values": [lost for _, (_, lost) in ordered]},
    ]
    data = {"labels": [reason for reason, _ in ordered], "unit": "count", "series": series}
    return Chart(key, "bars", tr("Exit reasons"), text, data, tr("trades won and lost by each"))


def return_bars(key: str, trades: Sequence[TradeMark]) -> Chart | None:
    """Show the distribution of the trades' returns."""
    if len(trades) < 2:
        return None
    results = sorted(trade.net for trade in trades)
    width = bin_width(results)
    counts: dict[int, int] = defaultdict(int)
    for result in results:
        counts[math.floor(result / width + 1e-9)] += 1
    first, last = min(counts), max(counts)
    bins = range(first, last + 1)
    middle = results[len(results) // 2]
    text = tr(
        "{trades} trades from {first} to {last}, the middle one {middle}.",
        trades=len(results),
        first=formats.percent(results[0]),
        last=formats.percent(results[-1]),
        middle=formats.percent(middle),
    )
    series = [
        {
            "label": tr("won"),
            "tone": "good",
            "values": [counts[n] if n >= 0 else None for n in bins],
        },
        {
            "label": tr("lost"),
            "tone": "bad",
            "values": [counts[n] if n < 0 else None for n in bins],
        },
    ]
    labels = [formats.percent(n * width, 2 if width < 0.001 else 1) for n in bins]
    data = {"labels": labels, "unit": "count", "series": series, "exclusive": True}
    note = tr(
        "trades by return; each bar is {width} wide, from its label up",
        width=formats.percent(width, 2),
    )
    return Chart(key, "bars", tr("Distribution of returns"), text, data, note)


def bin_width(results: Sequence[float]) -> float:
    """Return 1, 2 or 5 times a power of ten that gives at most ``MOST_BINS`` bins."""
    span = max(results[-1] - results[0], 1e-4)
    power = 10.0 ** math.floor(math.log10(span / MOST_BINS))
    factor = next(f for f in (1.0, 2.0, 5.0, 10.0, 20.0) if span / (f * power) <= MOST_BINS - 1)
    return factor * power


def excursion_dots(key: str, excursions: Sequence[Excursion]) -> Chart | None:
    """Show for each trade how far it went against the entry (MAE) and for it (MFE)."""
    if not excursions:
        return None
    ways = ((tr("won"), "good", True), (tr("lost"), "bad", False))
    series = [
        {
            "label": label,
            "tone": tone,
            "points": [
                [round(one.against, 6), round(one.favour, 6), dot_text(one)]
                for one in excursions
                if (one.trade.net > 0) is won
            ],
        }
        for label, tone, won in ways
    ]
    worst = (
        max(one.against for one in excursions if one.trade.net > 0)
        if any(one.trade.net > 0 for one in excursions)
        else None
    )
    text = tr("{trades} trades.", trades=len(excursions))
    if worst is not None:
        text += tr(
            " No winner was ever more than {worst} under water.", worst=formats.percent(worst)
        )
    data = {
        "x": {"label": tr("largest move against the entry (MAE)"), "unit": "share"},
        "y": {"label": tr("largest move in favour (MFE)"), "unit": "share"},
        "series": series,
    }
    note = tr("across: furthest against (MAE); up: furthest in favour (MFE)")
    return Chart(key, "dots", tr("Excursions"), text, data, note)


def dot_text(one: Excursion) -> str:
    """Describe one trade on the chart of excursions."""
    trade = one.trade
    side = tr("long") if trade.side >= 0 else tr("short")
    return tr(
        "{side} of {entry_time} · MAE {against} · MFE {favour} · result {net} ({reason})",
        side=side,
        entry_time=formats.moment(trade.entry_time),
        against=formats.percent(one.against),
        favour=formats.percent(one.favour),
        net=formats.percent(trade.net),
        reason=tr(trade.reason.replace("_", " ")),
    )
