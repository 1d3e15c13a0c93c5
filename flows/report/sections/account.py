"""What the account did: the first answer of the page, from the executor's ledger."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.report import formats
from flows.report.charts.curves import Curve, drawdown, money_chart
from flows.report.language import each, tr
from flows.report.sections.execution import (
    LedgerRows,
    amounts,
    asset_of,
    net_result,
    number,
    resting_stops,
    sums,
)
from flows.report.tables import FEW_TRADES, counted
from flows.report.views import BAD, GOOD, WARN, AccountView, Cell, Fact, TableView
from trading.candles import DAY_MS

Row = Mapping[str, Any]

ENDED = frozenset({"filled", "cancelled", "canceled", "expired", "rejected", "dead"})
POSITION_HEAD = ("Symbol", "Strategy", "Side", "Quantity", "Entry price", "Stop", "At risk")


@dataclass(frozen=True, slots=True)
class Window:
    """The change of equity over a span; ``since`` is later than requested in a short ledger."""

    label: str
    change: float
    share: float
    since: int
    complete: bool


def account_view(ledger: LedgerRows) -> AccountView:
    """Answer whether the account made money, today and over the last days."""
    asset = main_asset(ledger.equity)
    own = [row for row in ledger.equity if row.get("asset") == asset]
    curve = equity_curve(own)
    if curve is None:
        return AccountView(
            tr("No trade yet"),
            "",
            tr("The lake holds no equity of an executor at this time, so there is no result."),
        )
    currency = asset or quote_currency(ledger)
    whole = window("", curve, curve.times[0])
    worst = min(drawdown(curve, curve.values[0]).values)
    return AccountView(
        headline=headline(whole, currency),
        tone=tone_of(whole.change),
        lead=lead(curve, currency, ledger),
        facts=(
            *window_facts(curve, currency),
            *other_wallets(ledger.equity, asset),
            *trade_facts(ledger, worst, currency),
        ),
        equity=money_chart("account-equity", tr("Account equity"), curve, currency),
        positions=position_grid(ledger, currency),
    )


def main_asset(rows: Sequence[Row]) -> str | None:
    """Return the currency with the most rows; amounts of different ones never add up."""
    counts = Counter(row.get("asset") for row in rows)
    return min(counts, key=lambda asset: (-counts[asset], str(asset)), default=None)


def other_wallets(rows: Sequence[Row], main: str | None) -> tuple[Fact, ...]:
    """Return the last equity in every other currency."""
    found = []
    for asset in sorted({str(row.get("asset")) for row in rows} - {str(main)}):
        curve = equity_curve([row for row in rows if str(row.get("asset")) == asset])
        if curve is not None:
            change = formats.percent_change(curve.values[-1] / curve.values[0] - 1.0)
            found.append(
                Fact(
                    tr("Equity in {asset}", asset=asset),
                    formats.money(curve.values[-1], asset),
                    change,
                )
            )
    return tuple(found)


def equity_curve(rows: Sequence[Row]) -> Curve | None:
    """Return the account's equity over time, or None with fewer than two moments."""
    total: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        # One row for each wallet; the account is their sum.
        total[formats.as_ms(row["time"])] += number(row["equity"])
    if len(total) < 2:
        return None
    times = tuple(sorted(total))
    return Curve(times, tuple(total[time] for time in times))


def quote_currency(ledger: LedgerRows) -> str:
    """Return the currency that every traded symbol is quoted in, or nothing if they differ."""
    symbols = {str(row["symbol"]) for row in (*ledger.orders, *ledger.positions)}
    found = {formats.quote_of(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else ""


def window(label: str, curve: Curve, start: int) -> Window:
    """Return the change of equity since ``start`` (ms): against the last value known by then."""
    index = max(bisect_right(curve.times, start) - 1, 0)
    before, last = curve.values[index], curve.values[-1]
    share = last / before - 1.0 if before > 0 else 0.0
    since = max(curve.times[index], start)
    return Window(label, last - before, share, since, curve.times[0] <= start)


def headline(whole: Window, currency: str) -> str:
    """Say in one line what was made or lost."""
    if not whole.change:
        return tr("No gain, no loss")
    word = tr("Made") if whole.change > 0 else tr("Lost")
    amount = f"{formats.money(abs(whole.change), currency)} {currency}".strip()
    share = formats.percent_change(whole.share)
    return tr("{word} {amount} ({share})", word=word, amount=amount, share=share)


def lead(curve: Curve, currency: str, ledger: LedgerRows) -> str:
    """Say over which span, and what is open."""
    spans = tr(
        "From {start} to {end}",
        start=formats.moment(curve.times[0]),
        end=formats.moment(curve.times[-1]),
    )
    start = f"{formats.money(curve.values[0], currency)} {currency}".strip()
    open_count = sum(not row.get("closed_at") for row in ledger.positions)
    held = counted(open_count, "open position") if open_count else tr("no open position")
    return tr(
        "{spans}, after fees and funding, from {start}; {held}.",
        spans=spans,
        start=start,
        held=held,
    )


def window_facts(curve: Curve, currency: str) -> tuple[Fact, ...]:
    """Return equity, and the result of today, seven and thirty days."""
    last = curve.times[-1]
    windows = (
        window(tr("Today"), curve, formats.midnight(last)),
        window(tr("7 days"), curve, last - 7 * DAY_MS),
        window(tr("30 days"), curve, last - 30 * DAY_MS),
    )
    equity = Fact(tr("Equity"), formats.money(curve.values[-1], currency), currency)
    return (equity, *(window_fact(one, formats.digits_of(currency)) for one in windows))


def window_fact(one: Window, digits: int) -> Fact:
    """Show the result over one span; a ledger that is shorter says since when."""
    note = formats.percent_change(one.share)
    if not one.complete:
        note += tr(", since {since}", since=formats.day(one.since))
    return Fact(one.label, formats.change(one.change, digits=digits), note, tone_of(one.change))


def tone_of(change: float) -> str:
    """Return the colour of a result."""
    return GOOD if change > 0 else BAD if change < 0 else ""


def trade_facts(ledger: LedgerRows, worst: float, currency: str) -> tuple[Fact, ...]:
    """Return drawdown, trades, win rate, profit factor and fees."""
    closed = [row for row in ledger.positions if row.get("closed_at")]
    results = [net_result(row) for row in closed]
    won = [result for result in results if result > 0]
    # Won and lost money of other currencies than the shown one is in the table of trades.
    own = [net_result(row) for row in closed if asset_of(row) in ("", currency)]
    gained = sum(result for result in own if result > 0)
    lost = -sum(result for result in own if result < 0)
    factor = formats.decimal(gained / lost) if lost else tr("no loss") if gained else formats.NONE
    few = len(results) < FEW_TRADES
    fees = sums(ledger.positions, lambda row: number(row.get("fees"))) or {currency: 0.0}
    return (
        Fact(tr("Deepest drawdown"), formats.percent(worst), tr("from the highest equity")),
        Fact(tr("Closed trades"), formats.whole(len(results)), tr("{won} won", won=len(won))),
        Fact(
            tr("Win rate"),
            tr("too few") if few else formats.percent(len(won) / len(results), 1),
            tr("needs {count} trades", count=FEW_TRADES) if few else "",
        ),
        Fact(
            tr("Profit factor"),
            tr("too few") if few else factor,
            tr("needs {count} trades", count=FEW_TRADES) if few else tr("won / lost"),
        ),
        Fact(tr("Fees"), amounts(fees), currency if len(fees) < 2 else ""),
    )


def position_grid(ledger: LedgerRows, currency: str) -> TableView | None:
    """Show what is open, and the stop that rests for it."""
    held = [row for row in ledger.positions if not row.get("closed_at")]
    rows = tuple(position_row(row, ledger.orders, currency) for row in held)
    words = frozenset({0, 1, 2})
    return (
        TableView(each(POSITION_HEAD), rows, words, caption=tr("Open positions")) if rows else None
    )


def position_row(row: Row, orders: Sequence[Row], currency: str) -> tuple[Cell, ...]:
    """Show one open position; without a resting stop it says so in red."""
    alive = [
        one
        for one in resting_stops(row, orders)
        if one["leg"] == "sl" and str(one["status"]) not in ENDED and one.get("trigger_price")
    ]
    stop = max(alive, key=lambda one: formats.as_ms(one["created_at"]), default=None)
    entry, quantity = number(row.get("entry_price")), number(row.get("quantity"))
    side = 1 if row["side"] > 0 else -1
    cells = (
        Cell(str(row["symbol"])),
        Cell(str(row["strategy"])),
        Cell(tr("long") if side > 0 else tr("short")),
        Cell(formats.anything(quantity)),
        Cell(formats.price(entry, currency)),
    )
    if stop is None:
        return (*cells, Cell(tr("✗ none"), BAD), Cell(tr("everything"), BAD))
    price = number(stop["trigger_price"])
    risk = (entry - price) * side * quantity
    shown = (
        f"{formats.money(risk, currency)} {currency}".strip()
        if risk > 0
        else tr("nothing: locked in")
    )
    distance = formats.percent((price / entry - 1.0) if entry else 0.0)
    return (
        *cells,
        Cell(f"{formats.price(price, currency)} ({distance})"),
        Cell(shown, WARN if risk > 0 else GOOD),
    )
