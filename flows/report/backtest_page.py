"""The page of one back-test: the answer first, then its curves, its trades and its costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.report import formats, tables
from flows.report.assets import render
from flows.report.charts.curves import (
    Curve,
    curve_series,
    drawdown,
    panel,
    thinned,
)
from flows.report.charts.prices import Bars, TradeMark, bars_data, bars_key, price_chart
from flows.report.charts.trades import (
    Excursion,
    excursion_dots,
    month_map,
    reason_bars,
    return_bars,
)
from flows.report.language import tr
from flows.report.sections.account import tone_of
from flows.report.sections.strategies import compounded, trade_grid
from flows.report.trade_figures import hold_curve, trade_figures
from flows.report.views import Cell, Chart, Fact, TableView, TradeFigures
from trading.candles import CandleColumns, interval_name
from trading.simulation import Trades

BARS_NAME = "backtest"


@dataclass(frozen=True, slots=True)
class BacktestRun:
    """One back-test: what was run, on which candles, at which costs, and what came of it.

    ``measures`` are those of `trading.metrics`, by name; ``capital`` is the start, in the quote
    currency; ``costs`` are facts for the page.
    """

    strategy: str
    source: str
    params: Mapping[str, Any]
    candles: CandleColumns
    trades: Trades
    measures: Mapping[str, float | int]
    capital: float
    costs: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class BacktestPage:
    """What the template of a back-test gets."""

    title: str
    kicker: str
    headline: str
    tone: str
    lead: str
    facts: tuple[Fact, ...]
    params: tuple[Fact, ...]
    costs: tuple[Fact, ...]
    equity: Chart
    price: Chart
    charts: tuple[Chart, ...]
    traded: TradeFigures
    measures: TableView | None
    trades: TableView | None
    bars: Mapping[str, Any]


def backtest_html(run: BacktestRun) -> str:
    """Return the page as one file that loads nothing."""
    return render("backtest.html.j2", page=backtest_page(run))


def backtest_page(run: BacktestRun) -> BacktestPage:
    """Return the view model of one back-test."""
    candles, marks = run.candles, trade_marks(run.trades)
    start, end = int(candles.open_time[0]), int(candles.open_time[-1]) + candles.interval_ms
    result = float(run.measures["total_return"])
    money = result * run.capital
    word = tr("Made") if money > 0 else tr("Lost") if money < 0 else tr("No gain, no loss:")
    bars = bars_of(candles)
    return BacktestPage(
        title=tr("Back-test of {strategy}", strategy=run.strategy),
        kicker=tr("Back-test of {strategy} on {source}", strategy=run.strategy, source=run.source),
        headline=f"{word} {formats.decimal(abs(money))} ({formats.percent_change(result)})",
        tone=tone_of(money),
        lead=(
            tr(
                "From {start} to {end}, {candles} of {interval}, after fees, slippage and funding"
                " as given below.",
                start=formats.moment(start),
                end=formats.moment(end),
                candles=tables.counted(len(candles), "candle"),
                interval=interval_name(candles.interval_ms),
            )
        ),
        facts=first_facts(run, len(marks)),
        params=tuple(Fact(name, formats.anything(run.params[name])) for name in sorted(run.params)),
        costs=run.costs,
        equity=equity_beside_hold(marks, hold_curve(bars), (start, end)),
        price=price_chart("price", BARS_NAME, bars, marks),
        charts=trade_charts(marks, candles),
        traded=trade_figures("", marks, equity_of(marks, (start, end)), hold_curve(bars)),
        measures=measure_grid(run.measures),
        trades=trade_grid(marks),
        bars={bars_key(BARS_NAME): bars_data(bars)},
    )


def first_facts(run: BacktestRun, count: int) -> tuple[Fact, ...]:
    """Return what a trader asks first."""
    measures, candles = run.measures, run.candles
    result = float(measures["total_return"])
    hold = float(candles.close[-1] / candles.open[0] - 1.0)
    return (
        Fact(tr("Start"), formats.decimal(run.capital)),
        Fact(tr("End"), formats.decimal(run.capital * (1.0 + result))),
        Fact(tr("Result"), formats.percent_change(result), tone=tone_of(result)),
        Fact(tr("Buy and hold"), formats.percent_change(hold), tr("without costs"), tone_of(hold)),
        Fact(tr("Deepest drawdown"), formats.percent(measures["max_drawdown"])),
        Fact(
            tr("Trades"),
            formats.whole(count),
            tr("{days} days", days=formats.whole(measures["days"])),
        ),
        Fact(tr("Win rate"), tables.measured("win_rate", measures)),
        Fact(tr("Profit factor"), tables.measured("profit_factor", measures)),
        Fact(
            tr("Sharpe ratio"),
            tables.measured("sharpe", measures),
            tone=tables.measured_tone("sharpe", measures),
        ),
        Fact(tr("In the market"), formats.percent(measures["exposure"])),
    )


def trade_marks(trades: Trades) -> tuple[TradeMark, ...]:
    """Convert simulated trades to the marks of the charts."""
    columns = zip(
        trades.entry_time.tolist(),
        trades.exit_time.tolist(),
        trades.entry_price.tolist(),
        trades.exit_price.tolist(),
        trades.net_return.tolist(),
        trades.reason.tolist(),
        trades.side.tolist(),
        strict=True,
    )
    return tuple(TradeMark(*row) for row in columns)


def bars_of(candles: CandleColumns) -> Bars:
    """Convert candles to the bars of the chart."""
    return Bars(
        tuple(candles.open_time.tolist()),
        tuple(candles.open.tolist()),
        tuple(candles.high.tolist()),
        tuple(candles.low.tolist()),
        tuple(candles.close.tolist()),
        candles.interval_ms,
    )


def equity_beside_hold(marks: tuple[TradeMark, ...], hold: Curve, span: tuple[int, int]) -> Chart:
    """Show the equity of the strategy beside that of holding, and its drawdown below."""
    equity = equity_of(marks, span)
    depth = drawdown(equity)
    held = thinned(hold)
    times = tuple(sorted({*held.times, *thinned(equity).times}))
    own, holds = (rounded(value - 1.0 for value in stepped(one, times)) for one in (equity, hold))
    text = tr(
        "The strategy returned {own} with a deepest drawdown of {depth}, holding {held} with "
        "{held_depth}.",
        own=formats.percent(equity.values[-1] - 1.0),
        depth=formats.percent(min(depth.values)),
        held=formats.percent(hold.values[-1] - 1.0),
        held_depth=formats.percent(min(drawdown(hold).values)),
    )
    held_series: dict[str, object] = {"label": tr("buy and hold"), "tone": "soft", "values": holds}
    below = curve_series(tr("drawdown"), "bad", rounded(stepped(depth, times)))
    panels = [
        panel(230, "share", curve_series(tr("strategy"), "accent", own), held_series),
        panel(90, "share", below),
    ]
    data = {"times": times, "stepped": True, "panels": panels}
    note = tr("blue is the strategy, grey is buying and holding")
    return Chart("equity", "curves", tr("Equity and drawdown"), text, data, note)


def equity_of(marks: tuple[TradeMark, ...], span: tuple[int, int]) -> Curve:
    """Return the equity that the trades compound to over a span; 1 is the start."""
    spans = [{"test_from": span[0], "test_to": span[1]}]
    return compounded(marks, spans) if marks else Curve(span, (1.0, 1.0))


def rounded(values: Iterable[float]) -> list[float]:
    """Round shares to what a chart can show."""
    return [round(value, 6) for value in values]


def stepped(curve: Curve, times: tuple[int, ...]) -> list[float]:
    """Return the value of a stepped curve at each time."""
    index = np.searchsorted(np.array(curve.times), np.array(times), side="right") - 1
    values: list[float] = np.array(curve.values)[np.maximum(index, 0)].tolist()
    return values


def trade_charts(marks: tuple[TradeMark, ...], candles: CandleColumns) -> tuple[Chart, ...]:
    """Return the charts of the trades that there is something to show for."""
    found = (
        month_map("months", marks),
        reason_bars("reasons", marks),
        return_bars("returns", marks),
        excursion_dots("excursions", excursions(marks, candles)),
    )
    return tuple(one for one in found if one is not None)


def excursions(marks: tuple[TradeMark, ...], candles: CandleColumns) -> list[Excursion]:
    """Measure how far the price went while each trade was open, by the candles that it touched."""
    found = []
    for mark in marks:
        first = max(int(np.searchsorted(candles.open_time, mark.entry_time, "right")) - 1, 0)
        last = max(int(np.searchsorted(candles.open_time, mark.exit_time, "right")), first + 1)
        high, low = candles.high[first:last].max(), candles.low[first:last].min()
        up, down = float(high / mark.entry_price - 1.0), float(1.0 - low / mark.entry_price)
        against, favour = (down, up) if mark.side >= 0 else (up, down)
        found.append(Excursion(mark, max(against, 0.0), max(favour, 0.0)))
    return found


def measure_grid(measures: Mapping[str, float | int]) -> TableView | None:
    """Show every measure of the run."""
    rows = [
        (Cell(tr(label)), tables.metric_cell(name, measures))
        for name, label in tables.MEASURES
        if name in measures
    ]
    return TableView((tr("Measure"), tr("Value")), tuple(rows)) if rows else None
