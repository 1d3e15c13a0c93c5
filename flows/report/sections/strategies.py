"""The strategies section: one view per strategy and symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.report import formats, tables
from flows.report.charts.curves import Curve, equity_chart
from flows.report.charts.folds import FoldBar, fold_chart
from flows.report.charts.prices import Bars, TradeMark, price_chart
from flows.report.charts.structures import Marks
from flows.report.charts.surfaces import varying
from flows.report.charts.trades import month_map, reason_bars, return_bars
from flows.report.language import recorded, tr, zone_name
from flows.report.sections.parameter_surfaces import parsed, surface_groups
from flows.report.trade_figures import hold_curve, trade_figures
from flows.report.views import (
    BAD,
    GOOD,
    WARN,
    Cell,
    Chart,
    Fact,
    StrategyView,
    TableView,
    TradeFigures,
)
from trading.market.gaps import Gaps

Row = Mapping[str, Any]
OUT = "out_of_sample"
MAX_TRADE_ROWS = 100
FOLD_NAMES = ("the training return", "the test return")
FOLD_MEASURES = (
    ("train_total_return", "Training return"),
    ("test_total_return", "Test return"),
    ("test_sharpe", "Test Sharpe"),
    ("test_max_drawdown", "Test drawdown"),
    ("test_win_rate", "Test win rate"),
    ("test_trades", "Test trades"),
)
GAP_COLUMNS = (("train_missing", "Training lacks"), ("test_missing", "Test lacks"))


@dataclass(frozen=True, slots=True)
class StrategyResults:
    """What the lake holds on one strategy and symbol."""

    searches: Sequence[Row] = ()
    folds: Sequence[Row] = ()
    trades: Sequence[Row] = ()
    equity: Sequence[Row] = ()
    bars: Bars | None = None
    marks: Marks | None = None


def strategy_view(entry: Row, evidence: StrategyResults) -> StrategyView:
    """Show one strategy on one symbol.

    ``entry`` is the release's: strategy, symbol, params, metrics, verdicts, proven.
    """
    strategy, symbol = str(entry["strategy"]), str(entry["symbol"])
    key = f"{slug(strategy)}-{slug(symbol)}"
    verdicts = entry.get("verdicts") or ()
    params = entry.get("params") or {}
    trades = [trade_of(row) for row in evidence.trades if row["sample"] == OUT]
    equity = equity_view(key, evidence, trades)
    price = price_view(key, symbol, evidence, trades)
    folds = [fold_of(row) for row in evidence.folds]
    surfaces = surface_groups(key, evidence.searches, params)
    parts = {
        tr("prices of the test spans"): price,
        tr("folds"): folds,
        tr("a parameter surface"): surfaces,
    }
    return StrategyView(
        key=key,
        strategy=strategy,
        symbol=symbol,
        proven=bool(entry.get("proven")),
        why=why(bool(entry.get("proven")), verdicts),
        params=param_facts(params, evidence.searches),
        notes=search_notes(entry),
        metrics=tables.metric_grid(entry.get("in_sample") or {}, entry.get(OUT) or {}),
        verdicts=tables.verdict_grid(verdicts),
        equity=equity,
        price=price,
        fold_chart=fold_chart(f"{key}-folds", folds, "share", FOLD_NAMES) if folds else None,
        folds=fold_grid(evidence.folds),
        trade_charts=trade_charts(key, trades),
        figures=card_figures(entry.get(OUT) or {}),
        surfaces=surfaces,
        trades=trade_grid(trades),
        traded=traded_figures(key, evidence, trades),
        missing=missing_lines(trades, [name for name, found in parts.items() if not found]),
    )


def missing_lines(trades: Sequence[TradeMark], names: Sequence[str]) -> tuple[str, ...]:
    """Write one sentence for each thing that could not be drawn."""
    lines = (
        [] if trades else [tr("There is no out-of-sample trade, so there is no equity to draw.")]
    )
    if names:
        lines.append(tr("Not in the lake: {names}.", names=tables.joined(names)))
    return tuple(lines)


def why(proven: bool, verdicts: Sequence[Row]) -> str:
    """Explain the state of one parameter set."""
    if proven:
        return tr("All {verdicts} gates were passed.", verdicts=len(verdicts))
    failed = tables.failed_gates(verdicts)
    if not verdicts:
        return tr("No gate was evaluated, so nothing is proven.")
    if not failed:
        return tr("Every gate was passed, but the choice lies outside of the approved plateau.")
    count = tables.counted(len(failed), "gate")
    return tr(
        "{count} of {verdicts} not passed: {names}. It may trade in replay and paper; live "
        "refuses it.",
        count=count,
        verdicts=len(verdicts),
        names=tables.joined(failed),
    )


def param_facts(params: Mapping[str, Any], searches: Sequence[Row]) -> tuple[Fact, ...]:
    """List the parameters, searched ones first."""
    searched = searched_names(searches)
    names = sorted(params, key=lambda name: (name not in searched, name))
    return tuple(
        Fact(name, formats.anything(params[name]), tone="searched" if name in searched else "")
        for name in names
    )


def searched_names(searches: Sequence[Row]) -> tuple[str, ...]:
    """Return the parameters that a search varied."""
    return varying([(parsed(row["params"]), 0.0) for row in searches])


def search_notes(entry: Row) -> tuple[str, ...]:
    """Say how many sets were tried, and which region the long history approved."""
    inside, outside = entry.get("in_sample") or {}, entry.get(OUT) or {}
    lines = []
    if formats.known(outside.get("trials")):
        text = tr(
            "{parameter_sets} tried",
            parameter_sets=tables.counted(int(outside["trials"]), "parameter set"),
        )
        if formats.known(outside.get("effective_trials")):
            text += tr(
                ", which count as {effective_trials} independent",
                effective_trials=formats.anything(outside["effective_trials"]),
            )
        lines.append(tr("{text}; the deflated Sharpe ratio accounts for that.", text=text))
    if inside.get("approved_sets") == 0:
        lines.append(tr("The long history approves no region of the grid."))
    elif bounds := approved_bounds(inside):
        lines.append(tr("Approved by the long history: {bounds}.", bounds=", ".join(bounds)))
    missing = Gaps(int(outside.get("gaps") or 0), int(outside.get("missing_candles") or 0))
    if missing.sentence:
        lines.append(tr("In the test windows {sentence}.", sentence=recorded(missing.sentence)))
    return tuple(lines)


def approved_bounds(inside: Row) -> list[str]:
    """Write ``k 0.4 to 0.5`` for each parameter of the approved region."""
    found = []
    for name in inside:
        if name.startswith("approved_") and name.endswith("_low"):
            base = name.removeprefix("approved_").removesuffix("_low")
            low, high = inside[name], inside.get(f"approved_{base}_high")
            reach = "" if low == high else tr(" to {high}", high=formats.anything(high))
            found.append(f"{base} {formats.anything(low)}{reach}")
    return found


def slug(name: str) -> str:
    """Make a name that can be an id in the page."""
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in name).strip("-") or "x"


def trade_of(row: Row) -> TradeMark:
    """Convert a stored trade to a mark on the chart."""
    return TradeMark(
        formats.as_ms(row["entry_time"]),
        formats.as_ms(row["exit_time"]),
        row["entry_price"],
        row["exit_price"],
        row["net_return"],
        str(row["reason"]),
        int(row["side"]),
    )


def trade_charts(key: str, trades: Sequence[TradeMark]) -> tuple[Chart, ...]:
    """Show out-of-sample trades by month, by exit reason and by result."""
    found = (
        month_map(f"{key}-months", trades),
        reason_bars(f"{key}-reasons", trades),
        return_bars(f"{key}-returns", trades),
    )
    return tuple(one for one in found if one is not None)


def card_figures(outside: Row) -> tuple[tuple[str, str], ...]:
    """Return the out-of-sample figures that a folded card shows, with their tone."""
    if not outside:
        return ()
    trades = int(outside.get("trades") or 0)
    result = outside.get("total_return")
    return (
        (formats.percent(result), tables.tone("total_return", result)),
        (tables.counted(trades, "trade"), ""),
    )


def equity_view(key: str, evidence: StrategyResults, trades: Sequence[TradeMark]) -> Chart | None:
    """Show the curve that the stored trades compound to, or else the stored one."""
    rows = [row for row in evidence.equity if row["sample"] == OUT]
    if trades:
        curve = compounded(trades, evidence.folds)
    elif len(rows) > 1:
        rows.sort(key=lambda row: formats.as_ms(row["time"]))
        curve = Curve(
            tuple(formats.as_ms(row["time"]) for row in rows),
            tuple(float(row["equity"]) for row in rows),
        )
    else:
        return None
    title = tr("Out-of-sample equity and drawdown")
    return equity_chart(f"{key}-equity", title, curve, tr("folds stitched in time, after costs"))


def traded_figures(
    key: str, evidence: StrategyResults, trades: Sequence[TradeMark]
) -> TradeFigures | None:
    """Return what the out-of-sample trades come to; None without a trade."""
    if not trades:
        return None
    bars = evidence.bars
    hold = hold_curve(bars) if bars is not None and bars.times else None
    return trade_figures(f"{key}-", trades, compounded(trades, evidence.folds), hold)


def compounded(trades: Sequence[TradeMark], folds: Sequence[Row]) -> Curve:
    """Compound trades to equity over the test spans; it starts at 1 and steps at each exit."""
    ordered = sorted(trades, key=lambda trade: trade.exit_time)
    start = min([t.entry_time for t in trades] + [formats.as_ms(f["test_from"]) for f in folds])
    end = max([t.exit_time for t in trades] + [formats.as_ms(f["test_to"]) for f in folds])
    steps, equity = {start: 1.0}, 1.0
    for trade in ordered:
        equity *= 1.0 + trade.net
        steps[trade.exit_time] = equity
    steps[end] = equity
    return Curve(tuple(steps), tuple(steps.values()))


def price_view(
    key: str, symbol: str, evidence: StrategyResults, trades: Sequence[TradeMark]
) -> Chart | None:
    """Show trades on the candles of the test spans; the structures too if they are traded."""
    bars = evidence.bars
    if bars is None or not bars.times:
        return None
    return price_chart(f"{key}-price", slug(symbol), bars, trades, evidence.marks)


def fold_of(row: Row) -> FoldBar:
    """Convert a stored fold to the one of the chart."""
    return FoldBar(
        str(int(row["fold"]) + 1),
        formats.as_ms(row["test_from"]),
        formats.as_ms(row["test_to"]),
        first_known(row, "train_total_return", "in_sample_total_return"),
        first_known(row, "test_total_return", "out_of_sample_total_return", "total_return"),
    )


def first_known(row: Row, *names: str) -> float | None:
    """Return the first of the named columns that holds a number."""
    for name in names:
        if formats.known(row.get(name)):
            return float(row[name])
    return None


def fold_grid(folds: Sequence[Row]) -> TableView | None:
    """Show every fold with its spans, what it chose and the result."""
    if not folds:
        return None
    shown = [pair for pair in FOLD_MEASURES if any(formats.known(f.get(pair[0])) for f in folds)]
    lacking = [pair for pair in GAP_COLUMNS if any(row.get(pair[0]) for row in folds)]
    rows = []
    for row in folds:
        cells = [
            Cell(str(int(row["fold"]) + 1)),
            Cell(formats.span(row["train_from"], row["train_to"])),
            Cell(formats.span(row["test_from"], row["test_to"])),
            Cell(params_text(row.get("params"))),
        ]
        cells += [fold_cell(name, row) for name, _ in shown]
        cells += [gap_cell(row.get(name)) for name, _ in lacking]
        rows.append(tuple(cells))
    labels = (tr(label) for _, label in (*shown, *lacking))
    head = (tr("Fold"), tr("Trained on"), tr("Tested on"), tr("Chosen"), *labels)
    return TableView(head, tuple(rows), frozenset({0, 1, 2, 3}))


def fold_cell(column: str, row: Row) -> Cell:
    """Show a measure of one fold, unless too few trades carry it; only test results have colour."""
    side, _, name = column.partition("_")
    own = {"trades": row.get(f"{side}_trades"), name: row.get(column)}
    cell = tables.metric_cell(name, own)
    return cell if side == "test" else replace(cell, tone="")


def gap_cell(missing: Any) -> Cell:
    """Show how many candles a span lacks; a span with gaps is flagged."""
    if not missing:
        return Cell("0" if formats.known(missing) else formats.NONE)
    return Cell(tr("{missing} candles", missing=formats.whole(missing)), WARN)


def params_text(text: Any) -> str:
    """Write parameters stored as JSON on one line."""
    if not text:
        return formats.NONE
    return ", ".join(f"{name} {formats.anything(value)}" for name, value in parsed(text).items())


def trade_grid(trades: Sequence[TradeMark]) -> TableView | None:
    """Show the trades, newest last; only the last ones if there are many."""
    if not trades:
        return None
    shown = sorted(trades, key=lambda trade: trade.entry_time)[-MAX_TRADE_ROWS:]
    rows = tuple(
        (
            Cell(formats.stamp(trade.entry_time)),
            Cell(formats.stamp(trade.exit_time)),
            Cell(tr("long") if trade.side >= 0 else tr("short")),
            Cell(formats.price(trade.entry_price)),
            Cell(formats.price(trade.exit_price)),
            Cell(formats.percent(trade.net), GOOD if trade.net > 0 else BAD),
            Cell(tr(trade.reason.replace("_", " "))),
        )
        for trade in shown
    )
    more = (
        tr("The last {shown} of {trades} trades.", shown=len(shown), trades=len(trades))
        if len(shown) < len(trades)
        else ""
    )
    head = (
        tr("Entry ({zone})", zone=zone_name()),
        tr("Exit ({zone})", zone=zone_name()),
        tr("Side"),
        tr("Entry price"),
        tr("Exit price"),
        tr("Net"),
        tr("Reason"),
    )
    return TableView(head, rows, frozenset({0, 1, 2, 6}), more=more)
