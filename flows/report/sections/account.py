"""What the account did: the first answer of the page, from the executor's ledger."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.report import formats
from flows.report.charts.curves import Curve, drawdown, money_chart
from flows.report.sections.execution import LedgerRows, net_result, number, resting_stops
from flows.report.tables import counted
from flows.report.views import BAD, GOOD, WARN, AccountView, Cell, Fact, TableView
from trading.candles import DAY_MS

Row = Mapping[str, Any]

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "KRW", "USD", "EUR", "BTC")
ENDED = frozenset({"filled", "cancelled", "canceled", "expired", "rejected", "dead"})
POSITION_HEAD = ("Symbol", "Strategy", "Side", "Quantity", "Entry price", "Stop", "At risk")
FEW_TRADES = 10


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
            "No trade yet",
            "",
            "The lake holds no equity of an executor at this time, so there is no result.",
        )
    currency = asset or quote_currency(ledger)
    whole = window("whole", curve, curve.times[0])
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
        equity=money_chart("account-equity", "Account equity", curve, currency),
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
            found.append(Fact(f"Equity in {asset}", formats.decimal(curve.values[-1]), change))
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
    found = {quote_of(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else ""


def quote_of(symbol: str) -> str:
    """Return the quote currency of ``BTCUSDT``, ``BTC/USDT`` or Upbit's ``KRW-BTC``."""
    for name in QUOTES:
        if symbol.startswith(f"{name}-") or symbol.endswith(name):
            return name
    return ""


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
        return "No gain, no loss"
    word = "Made" if whole.change > 0 else "Lost"
    amount = f"{formats.decimal(abs(whole.change))} {currency}".strip()
    return f"{word} {amount} ({formats.percent_change(whole.share)})"


def lead(curve: Curve, currency: str, ledger: LedgerRows) -> str:
    """Say over which span, and what is open."""
    spans = f"From {formats.moment(curve.times[0])} to {formats.moment(curve.times[-1])}"
    start = f"{formats.decimal(curve.values[0])} {currency}".strip()
    open_count = sum(not row.get("closed_at") for row in ledger.positions)
    held = counted(open_count, "open position") if open_count else "no open position"
    return f"{spans}, after fees and funding, from {start}; {held}."


def window_facts(curve: Curve, currency: str) -> tuple[Fact, ...]:
    """Return equity, and the result of today, seven and thirty days."""
    last = curve.times[-1]
    windows = (
        window("Today", curve, last - last % DAY_MS),
        window("7 days", curve, last - 7 * DAY_MS),
        window("30 days", curve, last - 30 * DAY_MS),
    )
    equity = Fact("Equity", formats.decimal(curve.values[-1]), currency)
    return (equity, *(window_fact(one) for one in windows))


def window_fact(one: Window) -> Fact:
    """Show the result over one span; a ledger that is shorter says since when."""
    note = formats.percent_change(one.share)
    if not one.complete:
        note += f", since {formats.day(one.since)}"
    return Fact(one.label, formats.change(one.change), note, tone_of(one.change))


def tone_of(change: float) -> str:
    """Return the colour of a result."""
    return GOOD if change > 0 else BAD if change < 0 else ""


def trade_facts(ledger: LedgerRows, worst: float, currency: str) -> tuple[Fact, ...]:
    """Return drawdown, trades, win rate, profit factor and fees."""
    results = [net_result(row) for row in ledger.positions if row.get("closed_at")]
    won = [result for result in results if result > 0]
    lost = -sum(result for result in results if result < 0)
    factor = formats.decimal(sum(won) / lost) if lost else "no loss" if won else formats.NONE
    few = len(results) < FEW_TRADES
    fees = sum(number(row.get("fees")) for row in ledger.positions)
    return (
        Fact("Deepest drawdown", formats.percent(worst), "from the highest equity"),
        Fact("Closed trades", formats.whole(len(results)), f"{len(won)} won"),
        Fact(
            "Win rate",
            "too few" if few else formats.percent(len(won) / len(results), 1),
            f"needs {FEW_TRADES} trades" if few else "",
        ),
        Fact(
            "Profit factor",
            "too few" if few else factor,
            f"needs {FEW_TRADES} trades" if few else "won / lost",
        ),
        Fact("Fees", formats.decimal(fees), currency),
    )


def position_grid(ledger: LedgerRows, currency: str) -> TableView | None:
    """Show what is open, and the stop that rests for it."""
    held = [row for row in ledger.positions if not row.get("closed_at")]
    rows = tuple(position_row(row, ledger.orders, currency) for row in held)
    words = frozenset({0, 1, 2})
    return TableView(POSITION_HEAD, rows, words, caption="Open positions") if rows else None


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
        Cell("long" if side > 0 else "short"),
        Cell(formats.anything(quantity)),
        Cell(formats.price(entry)),
    )
    if stop is None:
        return (*cells, Cell("✗ none", BAD), Cell("everything", BAD))
    price = number(stop["trigger_price"])
    risk = (entry - price) * side * quantity
    shown = f"{formats.decimal(risk)} {currency}".strip() if risk > 0 else "nothing: locked in"
    distance = formats.percent((price / entry - 1.0) if entry else 0.0)
    return (
        *cells,
        Cell(f"{formats.price(price)} ({distance})"),
        Cell(shown, WARN if risk > 0 else GOOD),
    )
