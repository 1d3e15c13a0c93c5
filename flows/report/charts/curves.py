"""Curves of a value over time: equity with its drawdown, and the account's equity."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flows.report import formats
from flows.report.language import tr
from flows.report.views import Chart
from trading.candles import DAY_MS
from trading.research.day_risk import ROLLING_DAYS, sharpe, volatility

MAX_POINTS = 1800


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


def drawdown(curve: Curve, start: float = 1.0) -> Curve:
    """Return how far each value is below the highest so far, a share <= 0; the first is ``start``.

    A value of zero or less after a start of zero has no drawdown.
    """
    best = start
    depths = []
    for value in curve.values:
        best = max(best, value)
        depths.append(value / best - 1.0 if best > 0 else 0.0)
    return Curve(curve.times, tuple(depths))


def equity_chart(key: str, title: str, equity: Curve, note: str = "") -> Chart:
    """Show equity (1 = the start) as a result above, and its drawdown below.

    Thinning keeps the extremes of equity, and with them the deepest drawdown, which is
    computed before.
    """
    depth = drawdown(equity)
    shown = thinned(equity)
    depths = dict(zip(depth.times, depth.values, strict=True))
    last, worst = equity.values[-1] - 1.0, min(depth.values)
    text = tr(
        "From {start} to {end}: result {result}, deepest drawdown {worst}.",
        start=formats.day(equity.times[0]),
        end=formats.day(equity.times[-1]),
        result=formats.percent(last),
        worst=formats.percent(worst),
    )
    result = [round(value - 1.0, 8) for value in shown.values]
    below = [round(depths[time], 8) for time in shown.times]
    panels = [
        panel(210, "share", curve_series(tr("result"), "accent", result)),
        panel(90, "share", curve_series(tr("drawdown"), "bad", below)),
    ]
    data = {"times": list(shown.times), "stepped": True, "panels": panels}
    return Chart(key, "curves", title, text, data, note)


def money_chart(key: str, title: str, equity: Curve, currency: str) -> Chart:
    """Show the account's equity in money, and its drawdown as a share below."""
    depth = drawdown(equity, equity.values[0])
    shown = thinned(equity)
    depths = dict(zip(depth.times, depth.values, strict=True))
    text = tr(
        "Equity from {start} to {end}, between {lowest} and {highest}; deepest drawdown {worst}.",
        start=formats.moment(equity.times[0]),
        end=formats.moment(equity.times[-1]),
        lowest=formats.money(min(equity.values), currency),
        highest=formats.money(max(equity.values), currency),
        worst=formats.percent(min(depth.values)),
    )
    values = [round(value, 4) for value in shown.values]
    below = [round(depths[time], 8) for time in shown.times]
    upper = curve_series(tr("equity"), "accent", values)
    del upper["base"]
    panels = [
        panel(170, currency or "number", upper),
        panel(70, "share", curve_series(tr("drawdown"), "bad", below)),
    ]
    return Chart(key, "curves", title, text, {"times": list(shown.times), "panels": panels})


def daily_values(curve: Curve) -> Curve:
    """Return the value at the end of each UTC day of a stepped curve, from its first day on."""
    days = range(curve.times[0] // DAY_MS + 1, curve.times[-1] // DAY_MS + 1)
    ends = [day * DAY_MS for day in days]
    places = [bisect_right(curve.times, end) - 1 for end in ends]
    return Curve(tuple(ends), tuple(curve.values[place] for place in places))


def daily_returns(curve: Curve) -> list[float]:
    """Return the relative change of each UTC day, the first and the last as far as they go.

    A day that begins with nothing left has a change of 0.
    """
    values = [curve.values[0], *daily_values(curve).values]
    if curve.times[-1] % DAY_MS:
        values.append(curve.values[-1])
    return [after / before - 1.0 if before > 0 else 0.0 for before, after in pairwise(values)]


def rolling_volatility(key: str, equity: Curve, days: int = ROLLING_DAYS) -> Chart | None:
    """Show the volatility (a year of 365 days) of the last ``days`` days, day by day.

    None for fewer than twice as many days; days are those of UTC.
    """
    rolling = Rolling(tr("Rolling volatility"), tr("volatility"), "warn", "share", volatility)
    return rolling.chart(key, equity, days)


def rolling_sharpe(key: str, equity: Curve, days: int = ROLLING_DAYS) -> Chart | None:
    """Show the Sharpe ratio of the last ``days`` days, day by day; None for fewer than twice that.

    Days are those of UTC; a span of days without any change has a ratio of 0, and a day that
    begins with nothing left a return of 0.
    """
    rolling = Rolling(tr("Rolling Sharpe ratio"), tr("Sharpe ratio"), "accent", "number", sharpe)
    return rolling.chart(key, equity, days)


@dataclass(frozen=True, slots=True)
class Rolling:
    """A measure of the daily returns in a moving span; ``unit`` is share or number."""

    title: str
    label: str
    tone: str
    unit: str
    measure: Callable[[Sequence[float]], float]

    def chart(self, key: str, equity: Curve, days: int) -> Chart | None:
        """Draw the measure of every ``days`` days of a stepped curve."""
        daily = daily_values(equity)
        returns = daily_returns(equity)[1 : len(daily.values)]
        if len(returns) < 2 * days:
            return None
        found = [self.measure(returns[end - days : end]) for end in range(days, len(returns) + 1)]
        shown = formats.percent if self.unit == "share" else formats.decimal
        text = tr(
            "Over {days} days between {lowest} and {highest}, lately {last}.",
            days=days,
            lowest=shown(min(found)),
            highest=shown(max(found)),
            last=shown(found[-1]),
        )
        series = curve_series(self.label, self.tone, [round(value, 6) for value in found])
        data = {"times": list(daily.times[days:]), "panels": [panel(140, self.unit, series)]}
        return Chart(key, "curves", self.title, text, data)


def curve_series(label: str, tone: str, values: list[float]) -> dict[str, object]:
    """Return one curve with the area between it and zero."""
    return {"label": label, "tone": tone, "values": values, "area": True, "base": 0}


def panel(height: int, unit: str, *series: dict[str, object]) -> dict[str, object]:
    """Return one panel of curves; ``unit`` may be a currency."""
    return {
        "height": height,
        "unit": unit,
        "digits": formats.digits_of(unit),
        "series": list(series),
    }
