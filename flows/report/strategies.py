"""The section of the strategies: one view a strategy and symbol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from flows.report import formats, tables
from flows.report.charts import (
    Bars,
    Curve,
    FoldSpan,
    TradeMark,
    equity_chart,
    fold_chart,
    price_chart,
)
from flows.report.surfaces import heat_map, slices
from flows.report.views import BAD, GOOD, WARN, Cell, Fact, Grid, StrategyView

Row = Mapping[str, Any]
OUT = "out_of_sample"
MAX_TRADE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the lake holds on one strategy and symbol."""

    searches: Sequence[Row] = ()
    folds: Sequence[Row] = ()
    trades: Sequence[Row] = ()
    equity: Sequence[Row] = ()
    bars: Bars | None = None
    fold_results: Mapping[int, float] = field(default_factory=dict)


def strategy_view(entry: Row, evidence: Evidence) -> StrategyView:
    """``entry`` is the release's own record: strategy, symbol, params, metrics, verdicts, proven."""
    strategy, symbol = str(entry["strategy"]), str(entry["symbol"])
    key = f"{slug(strategy)}-{slug(symbol)}"
    verdicts = entry.get("verdicts") or ()
    params = entry.get("params") or {}
    trades = [trade_of(row) for row in evidence.trades if row["sample"] == OUT]
    equity = equity_view(key, evidence, trades)
    price = price_view(key, evidence.bars, trades)
    spans = [fold_span(row) for row in evidence.folds]
    surfaces, note = surface_view(key, evidence.searches, params)
    parts = {
        "an out-of-sample equity curve": equity,
        "prices of the judged span": price,
        "folds": spans,
        "a parameter surface": surfaces,
    }
    return StrategyView(
        key=key,
        strategy=strategy,
        symbol=symbol,
        proven=bool(entry.get("proven")),
        why=why(bool(entry.get("proven")), verdicts),
        params=tuple(Fact(name, formats.anything(params[name])) for name in sorted(params)),
        metrics=tables.metric_grid(entry.get("in_sample") or {}, entry.get(OUT) or {}),
        verdicts=tables.verdict_grid(verdicts),
        equity=equity,
        price=price,
        fold_chart=fold_chart(f"{key}-folds", "Walk-forward folds", spans) if spans else None,
        folds=fold_grid(evidence.folds),
        surfaces=surfaces,
        surface_note=note,
        trades=trade_grid(trades),
        missing=missing_line(strategy, symbol, [n for n, found in parts.items() if not found]),
    )


def missing_line(strategy: str, symbol: str, names: Sequence[str]) -> tuple[str, ...]:
    """One sentence for what could not be drawn."""
    if not names:
        return ()
    return (f"Not in the lake for {strategy} on {symbol}: {tables.joined(names)}.",)


def why(proven: bool, verdicts: Sequence[Row]) -> str:
    """The state of one parameter set, with its reason."""
    if proven:
        return f"All {len(verdicts)} gates were passed."
    failed = tables.failed_gates(verdicts)
    if not failed:
        return "No gate was judged, so nothing is proven."
    count = tables.counted(len(failed), "gate")
    return (
        f"{count} of {len(verdicts)} not passed: {tables.joined(failed)}. "
        "It may trade in replay and paper; live refuses it."
    )


def slug(name: str) -> str:
    """A name that can be an id in the page."""
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in name).strip("-") or "x"


def trade_of(row: Row) -> TradeMark:
    """A stored trade as a mark on the chart."""
    return TradeMark(
        formats.as_ms(row["entry_time"]),
        formats.as_ms(row["exit_time"]),
        row["entry_price"],
        row["exit_price"],
        row["net_return"],
        str(row["reason"]),
        int(row["side"]),
    )


def equity_view(key: str, evidence: Evidence, trades: Sequence[TradeMark]) -> Markup | None:
    """The stored curve, or the one that the stored trades compound to."""
    rows = [row for row in evidence.equity if row["sample"] == OUT]
    if len(rows) > 1:
        rows.sort(key=lambda row: formats.as_ms(row["time"]))
        curve = Curve(
            tuple(formats.as_ms(row["time"]) for row in rows),
            tuple(float(row["equity"]) for row in rows),
        )
    elif trades:
        curve = compounded(trades)
    else:
        return None
    return equity_chart(f"{key}-equity", "Out-of-sample equity and drawdown", curve)


def compounded(trades: Sequence[TradeMark]) -> Curve:
    """Equity marked at each exit, starting at 1 with the first entry."""
    ordered = sorted(trades, key=lambda trade: trade.exit_time)
    times, values, equity = [min(t.entry_time for t in trades)], [1.0], 1.0
    for trade in ordered:
        equity *= 1.0 + trade.net
        times.append(trade.exit_time)
        values.append(equity)
    return Curve(tuple(times), tuple(values))


def price_view(key: str, bars: Bars | None, trades: Sequence[TradeMark]) -> Markup | None:
    """Trades on the candles of the judged span."""
    if bars is None or not bars.times:
        return None
    return price_chart(f"{key}-price", "Price and out-of-sample trades", bars, trades)


def fold_span(row: Row) -> FoldSpan:
    """A stored fold as a row of the chart."""
    return FoldSpan(
        str(int(row["fold"]) + 1),
        formats.as_ms(row["train_from"]),
        formats.as_ms(row["train_to"]),
        formats.as_ms(row["test_from"]),
        formats.as_ms(row["test_to"]),
        first_known(row, "train_total_return", "in_sample_total_return"),
        first_known(row, "test_total_return", "out_of_sample_total_return", "total_return"),
    )


def first_known(row: Row, *names: str) -> float | None:
    """The first of the named columns that holds a number."""
    for name in names:
        if formats.known(row.get(name)):
            return float(row[name])
    return None


FOLD_COLUMNS = {"as_of", "strategy", "symbol", "fold", "params", "run"} | {
    f"{part}_{end}" for part in ("train", "test") for end in ("from", "to")
}


def fold_grid(folds: Sequence[Row]) -> Grid | None:
    """Every fold with its spans, its parameters and every measure that was stored."""
    if not folds:
        return None
    names = [name for name in folds[0] if name not in FOLD_COLUMNS]
    names = [n for n in names if any(formats.known(row.get(n)) for row in folds)]
    rows = []
    for row in folds:
        cells = [
            Cell(str(int(row["fold"]) + 1)),
            Cell(formats.span(row["train_from"], row["train_to"])),
            Cell(formats.span(row["test_from"], row["test_to"])),
            Cell(params_text(row.get("params"))),
        ]
        for name in names:
            base = name.removeprefix("train_").removeprefix("test_")
            css = tables.tone(base, row.get(name)) if not name.startswith("train_") else ""
            cells.append(Cell(tables.measure(base, row.get(name)), css))
        rows.append(tuple(cells))
    head = ("Fold", "Learned on", "Judged on", "Chosen", *(n.replace("_", " ") for n in names))
    return Grid(head, tuple(rows), frozenset({0, 1, 2, 3}))


def params_text(text: Any) -> str:
    """Parameters stored as JSON, on one line."""
    if not text:
        return formats.NONE
    return ", ".join(f"{name} {formats.anything(value)}" for name, value in parsed(text).items())


def parsed(text: Any) -> dict[str, Any]:
    """A JSON object out of a text column."""
    found = json.loads(text) if isinstance(text, str) else text
    return dict(found) if isinstance(found, Mapping) else {}


def surface_view(
    key: str, searches: Sequence[Row], params: Mapping[str, Any]
) -> tuple[tuple[tuple[str, Markup], ...], str]:
    """Heat maps through the chosen parameters, of the return of every searched combination."""
    points = [
        (parsed(row["params"]), float(row["total_return"]))
        for row in searches
        if formats.known(row.get("total_return"))
    ]
    planes = slices(points, params)
    drawn = []
    for index, plane in enumerate(planes):
        note = ", ".join(f"{name} = {formats.anything(value)}" for name, value in plane.fixed)
        if plane.merged:
            note = "median over the other parameters"
        title = f"Total return by {plane.across}" + (f" and {plane.down}" if plane.down else "")
        drawn.append((note, heat_map(f"{key}-map{index}", title, plane, heat_text)))
    note = f"total return of {tables.counted(len(points), 'combination')}; the frame is the choice"
    return tuple(drawn), note


def heat_text(value: float) -> str:
    """A share in a cell of 46 units."""
    return formats.signed(f"{value * 100:.1f}") + "%"


def trade_grid(trades: Sequence[TradeMark]) -> Grid | None:
    """The trades, newest last; only the last ones when there are many."""
    if not trades:
        return None
    shown = sorted(trades, key=lambda trade: trade.entry_time)[-MAX_TRADE_ROWS:]
    rows = tuple(
        (
            Cell(formats.stamp(trade.entry_time)),
            Cell(formats.stamp(trade.exit_time)),
            Cell("long" if trade.side >= 0 else "short"),
            Cell(formats.price(trade.entry_price)),
            Cell(formats.price(trade.exit_price)),
            Cell(formats.percent(trade.net), GOOD if trade.net > 0 else BAD),
            Cell(trade.reason.replace("_", " ")),
        )
        for trade in shown
    )
    more = f"The last {len(shown)} of {len(trades)} trades." if len(shown) < len(trades) else ""
    head = ("Entry (UTC)", "Exit (UTC)", "Side", "In at", "Out at", "Net", "Reason")
    return Grid(head, rows, frozenset({0, 1, 2, 6}), more=more)


def overview(entries: Sequence[Row]) -> Grid | None:
    """One line a strategy and symbol, for the head of the page."""
    if not entries:
        return None
    head = ("Strategy", "Symbol", "Return", "Sharpe", "Drawdown", "Trades", "Gates", "State")
    return Grid(head, tuple(overview_row(entry) for entry in entries), frozenset({0, 1}))


def overview_row(entry: Row) -> tuple[Cell, ...]:
    """Out-of-sample figures of one parameter set."""
    outside = entry.get(OUT) or {}
    cells = [Cell(str(entry["strategy"])), Cell(str(entry["symbol"]))]
    for name in ("total_return", "sharpe", "max_drawdown", "trades"):
        cells.append(Cell(tables.measured(name, outside), tables.tone(name, outside.get(name))))
    cells.append(Cell(tables.gates_passed(entry.get("verdicts") or ())))
    cells.append(Cell("proven", GOOD) if entry.get("proven") else Cell("unproven", WARN))
    return tuple(cells)
