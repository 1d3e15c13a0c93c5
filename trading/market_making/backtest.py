"""The market-maker grid over candles, with a conservative fill rule.

A resting quote fills only when the price trades *through* it (a low below a buy, a high above a
sell): a touch leaves it in the queue. A quote placed after a candle can fill in the next one at the
earliest, so no lot is opened and closed within one candle. If a candle reaches both the emergency
stop and the target of a lot, the stop comes first. Opening quotes fill nearest first, buys before
sells, up to ``max_lots`` lots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from trading.candles import DAY_MS, Candle, CandleColumns
from trading.indicators.core import atr_size, atr_step
from trading.market_making.quoting import BUY, Lot, MakerRules, MarketView, Quote, QuotePlan, plan

FAST_ATR = 5
SLOW_ATR = 60


@dataclass(frozen=True, slots=True)
class MakerTrade:
    """One lot from fill to fill; ``net_return`` is a share of the lot's price, fees included."""

    side: int
    opened_ms: int
    closed_ms: int
    entry_price: float
    exit_price: float
    net_return: float
    reason: str


@dataclass(frozen=True, slots=True)
class MakerResult:
    """Trades, lots still held, return of the account, and how often quoting stopped, by cause."""

    trades: tuple[MakerTrade, ...]
    lots: tuple[Lot, ...]
    account_return: float
    most_lots: int
    stops: dict[str, int]


@dataclass(slots=True)
class _MakerAccount:
    """The simulated account; ``value`` starts at 1."""

    rules: MakerRules
    maker_fee: float
    taker_fee: float
    quotes: tuple[Quote, ...] = ()
    lots: tuple[Lot, ...] = ()
    trades: list[MakerTrade] = field(default_factory=list)
    value: float = 1.0
    day: int = -1
    day_start: float = 1.0
    next_lot: int = 0
    most_lots: int = 0

    def begin_day(self, open_time: int) -> None:
        """Restart the return of the day if a new day begins."""
        if open_time // DAY_MS != self.day:
            self.day = open_time // DAY_MS
            self.day_start = self.value

    def close(self, lot: Lot, price: float, now_ms: int, fee: float, reason: str) -> None:
        """Close a lot at ``price``."""
        gross = lot.side * (price / lot.price - 1.0)
        net = gross - self.maker_fee - fee * price / lot.price
        self.trades.append(
            MakerTrade(lot.side, lot.opened_ms, now_ms, lot.price, price, net, reason)
        )
        self.value += self.rules.size * net
        self.lots = tuple(held for held in self.lots if held.number != lot.number)
        self.quotes = tuple(quote for quote in self.quotes if quote.lot != lot.number)

    def fill(self, candle: Candle) -> None:
        """Fill quotes and stop lots that were there at the open of a candle."""
        for lot in self.lots:
            stop = lot.emergency(self.rules)
            if candle.low <= stop if lot.side == BUY else candle.high >= stop:
                # A candle that opens beyond the stop fills at its open.
                first = min(candle.open, stop) if lot.side == BUY else max(candle.open, stop)
                self.close(lot, first, candle.open_time, self.taker_fee, "emergency_stop")
        by_number = {lot.number: lot for lot in self.lots}
        through = [quote for quote in self.quotes if _trades_through(quote, candle)]
        for quote in through:
            if quote.purpose == "close":
                lot = by_number[quote.lot]
                self.close(lot, quote.price, candle.open_time, self.maker_fee, "take_profit")
        opened = sorted(
            (quote for quote in through if quote.purpose == "open"),
            key=lambda quote: (quote.level, -quote.side),
        )
        for quote in opened[: max(0, self.rules.max_lots - len(self.lots))]:
            self.quotes = tuple(resting for resting in self.quotes if resting != quote)
            lot = Lot(self.next_lot, quote.side, quote.price, candle.open_time)
            self.lots = (*self.lots, lot)
            self.next_lot += 1
        self.most_lots = max(self.most_lots, len(self.lots))

    def apply(self, wanted: QuotePlan, now_ms: int, price: float) -> None:
        """Cancel, place, and close at the market."""
        kept = tuple(quote for quote in self.quotes if quote not in wanted.cancel)
        self.quotes = (*kept, *wanted.place)
        for lot in wanted.market:
            self.close(lot, price, now_ms, self.taker_fee, "emergency_stop")

    def day_return(self, price: float) -> float:
        """Return the return of today, with lots valued at ``price``."""
        held = sum(lot.side * (price / lot.price - 1.0) for lot in self.lots)
        return (self.value + self.rules.size * held) / self.day_start - 1.0


def _trades_through(quote: Quote, candle: Candle) -> bool:
    return candle.low < quote.price if quote.side == BUY else candle.high > quote.price


def simulate_maker(
    candles: CandleColumns,
    rules: MakerRules | None = None,
    *,
    maker_fee_bps: float = 2.0,
    taker_fee_bps: float = 5.0,
    half_spread: float = 0.0,
) -> MakerResult:
    """Quote over 1-minute candles; bid and ask lie ``half_spread`` (a share) around each close.

    After a gap the stream is stale: opening quotes are withdrawn before the next candle.
    """
    account = _MakerAccount(
        rules or MakerRules(), maker_fee_bps / 10_000.0, taker_fee_bps / 10_000.0
    )
    fast, slow = [0.0] * atr_size(), [0.0] * atr_size()
    stops: dict[str, int] = {}
    expected = -1
    for row in range(len(candles)):
        candle = candles.candle(row)
        account.begin_day(candle.open_time)
        if expected >= 0 and candle.open_time > expected + account.rules.stale_ms:
            account.quotes = tuple(quote for quote in account.quotes if quote.purpose == "close")
        account.fill(candle)
        prices = candle.high, candle.low, candle.close
        usual = atr_step(slow, 0, SLOW_ATR, *prices)
        ratio = atr_step(fast, 0, FAST_ATR, *prices) / usual if usual > 0.0 else math.nan
        expected = candle.open_time + candles.interval_ms
        view = MarketView(
            now_ms=expected,
            bid=candle.close * (1.0 - half_spread),
            ask=candle.close * (1.0 + half_spread),
            updated_ms=expected,
            volatility=ratio,
            day_return=account.day_return(candle.close),
        )
        wanted = plan(account.rules, view, account.quotes, account.lots)
        account.apply(wanted, expected, candle.close)
        if wanted.reason:
            kind = wanted.reason.split(":")[1].split()[0]
            stops[kind] = stops.get(kind, 0) + 1
    last = float(candles.close[-1]) if len(candles) else math.nan
    held = sum(lot.side * (last / lot.price - 1.0) for lot in account.lots)
    total = account.value + account.rules.size * held - 1.0
    return MakerResult(tuple(account.trades), account.lots, total, account.most_lots, stops)
