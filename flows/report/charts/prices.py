"""The price chart: candles, the trades on them, and the ICT structures under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.report import formats
from flows.report.charts.structures import Marks, structure_data
from flows.report.language import tr
from flows.report.views import Chart

MAX_BARS = 3000


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles as columns; times in ms UTC."""

    times: tuple[int, ...]
    opens: tuple[float, ...]
    highs: tuple[float, ...]
    lows: tuple[float, ...]
    closes: tuple[float, ...]
    interval_ms: int


@dataclass(frozen=True, slots=True)
class TradeMark:
    """One round trip on the price chart; times in ms UTC, ``net`` as a share."""

    entry_time: int
    exit_time: int
    entry_price: float
    exit_price: float
    net: float
    reason: str
    side: int = 1


def merged(bars: Bars, limit: int = MAX_BARS) -> Bars:
    """Join neighbouring candles until at most ``limit`` are left."""
    count = len(bars.times)
    size = -(-count // limit)
    if size <= 1:
        return bars
    cuts = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    return Bars(
        tuple(bars.times[cut.start] for cut in cuts),
        tuple(bars.opens[cut.start] for cut in cuts),
        tuple(max(bars.highs[cut]) for cut in cuts),
        tuple(min(bars.lows[cut]) for cut in cuts),
        tuple(bars.closes[cut][-1] for cut in cuts),
        bars.interval_ms * size,
    )


def bars_key(name: str) -> str:
    """Return the id of the data block that holds the candles of a symbol."""
    return f"bars-{name}"


def bars_data(bars: Bars) -> dict[str, object]:
    """Return candles as the data block that the price charts of a symbol share."""
    shown = merged(bars)
    return {
        "interval": shown.interval_ms,
        "times": shown.times,
        "opens": shown.opens,
        "highs": shown.highs,
        "lows": shown.lows,
        "closes": shown.closes,
    }


def price_chart(
    key: str, bars_name: str, bars: Bars, trades: Sequence[TradeMark], marks: Marks | None = None
) -> Chart:
    """Show the candles of a data block, every trade on them, and ICT structures under them."""
    start, end = bars.times[0], bars.times[-1] + bars.interval_ms
    inside = [t for t in trades if start <= t.entry_time <= end and t.exit_time <= end]
    won = sum(trade.net > 0 for trade in inside)
    text = tr(
        "Price from {start} to {end} with {trades} trades, {won} of them won. An arrow is an "
        "entry, a dot is an exit.",
        start=formats.day(start),
        end=formats.day(end),
        trades=len(inside),
        won=won,
    )
    note = tr("arrows are entries, dots are exits; ↑ ↓ go from trade to trade, + − zoom")
    data: dict[str, object] = {
        "bars": bars_key(bars_name),
        "trades": [trade_data(one) for one in inside],
    }
    if marks is not None:
        data |= structure_data(marks, (start, end), (min(bars.lows), max(bars.highs)))
        note += tr(
            ". As known at the time: order blocks (darker) and fair value gaps (lighter) are "
            "shaded, liquidity is dotted, breaks of structure are lines, swings are ticks"
        )
    return Chart(key, "candles", tr("Trades on the price"), text, data, note)


def trade_data(trade: TradeMark) -> dict[str, object]:
    """Return one trade as the chart reads it."""
    return {
        "entered": trade.entry_time,
        "exited": trade.exit_time,
        "entry": trade.entry_price,
        "exit": trade.exit_price,
        "net": trade.net,
        "side": trade.side,
        "reason": tr(trade.reason.replace("_", " ")),
    }
