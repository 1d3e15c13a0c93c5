"""Statistics of round trips: all, long and short side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import mean

from flows.report import formats
from flows.report.charts.prices import TradeMark
from flows.report.language import tr
from flows.report.tables import FEW_TRADES
from flows.report.views import BAD, GOOD, Cell, TableView
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

Trades = Sequence[TradeMark]


def summary_grid(trades: Trades) -> TableView | None:
    """Compare all, long and short trades; a column without trades shows dashes."""
    if not trades:
        return None
    ordered = sorted(trades, key=lambda trade: (trade.exit_time, trade.entry_time))
    columns = (
        ordered,
        [trade for trade in ordered if trade.side >= 0],
        [trade for trade in ordered if trade.side < 0],
    )
    rows = tuple(
        (Cell(tr(label)), *(shown(own) if own else Cell(formats.NONE) for own in columns))
        for label, shown in ROWS
    )
    return TableView((tr("Trades"), tr("All"), tr("Long"), tr("Short")), rows)


def share(value: float) -> Cell:
    """Show a share in the colour of its sign."""
    return Cell(formats.percent(value), GOOD if value > 0 else BAD if value < 0 else "")


def compound(trades: Trades) -> float:
    """Return the result of the trades one after another, as a share."""
    return math.prod(1.0 + trade.net for trade in trades) - 1.0


def profit_factor(trades: Trades) -> str:
    """Return gains over losses as text, unless too few trades carry it."""
    if len(trades) < FEW_TRADES:
        return tr("too few")
    gains = sum(trade.net for trade in trades if trade.net > 0)
    losses = -sum(trade.net for trade in trades if trade.net < 0)
    return formats.decimal(gains / losses) if losses else tr("no loss")


def mean_of(trades: Trades, won: bool) -> Cell:
    """Show the mean result of the winners or of the losers."""
    results = [trade.net for trade in trades if (trade.net > 0) is won]
    return share(mean(results)) if results else Cell(formats.NONE)


def streak(trades: Trades, won: bool) -> int:
    """Return the longest row of winners, or of trades that did not win."""
    longest = current = 0
    for trade in trades:
        current = current + 1 if (trade.net > 0) is won else 0
        longest = max(longest, current)
    return longest


def duration(ms: float) -> str:
    """Write a length of time in its largest two units: ``1 d 4 h``, ``3 h 20 min``, ``5 min``."""
    minutes = round(ms / MINUTE_MS)
    if ms < HOUR_MS:
        return tr("{minutes} min", minutes=minutes)
    if ms < DAY_MS:
        return tr("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
    hours = round(ms / HOUR_MS)
    return tr("{days} d {hours} h", days=hours // 24, hours=hours % 24)


def held(trades: Trades) -> list[int]:
    """Return how long each trade was open, in ms."""
    return [trade.exit_time - trade.entry_time for trade in trades]


ROWS: tuple[tuple[str, Callable[[Trades], Cell]], ...] = (
    ("Trades", lambda own: Cell(formats.whole(len(own)))),
    ("Result, compounded", lambda own: share(compound(own))),
    ("Won", lambda own: Cell(formats.whole(sum(one.net > 0 for one in own)))),
    ("Win rate", lambda own: Cell(formats.percent(mean(one.net > 0 for one in own), 1))),
    ("Profit factor", lambda own: Cell(profit_factor(own))),
    ("Mean trade", lambda own: share(mean(one.net for one in own))),
    ("Mean winner", lambda own: mean_of(own, True)),
    ("Mean loser", lambda own: mean_of(own, False)),
    ("Best trade", lambda own: share(max(one.net for one in own))),
    ("Worst trade", lambda own: share(min(one.net for one in own))),
    ("Most wins in a row", lambda own: Cell(formats.whole(streak(own, True)))),
    ("Most losses in a row", lambda own: Cell(formats.whole(streak(own, False)))),
    ("Mean time held", lambda own: Cell(duration(mean(held(own))))),
    ("Longest time held", lambda own: Cell(duration(max(held(own))))),
)
