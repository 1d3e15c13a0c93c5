"""REST handlers of KIS market data."""

from __future__ import annotations

from typing import Any

from sandbox.api.kis import market_json
from sandbox.api.kis.call import Json, KisCall, done, serving
from sandbox.api.kis.market_json import utc_day
from sandbox.api.kis.times import parse_clock, parse_date
from sandbox.engines.kis.calendar import day_of, day_start
from sandbox.engines.kis.rejections import KisError
from sandbox.market.candles import Kline
from sandbox.market.feed import SymbolFeed
from trading.candles import DAY_MS, MINUTE_MS

QUOTATIONS = "/uapi/domestic-stock/v1/quotations"
PERIODS = {"D": "1d", "W": "1w", "M": "1M"}
MOST_DAYS, MOST_MINUTES, RECENT_DAYS, RECENT_TRADES = 100, 30, 30, 30
# The minutes of a session, and some of the day before, are at most so many.
SESSION_ROWS = 800


def _stock(call: KisCall) -> SymbolFeed:
    if call.need("FID_COND_MRKT_DIV_CODE") not in ("J", "UN"):
        raise KisError("OPSQ2002", "ERROR INPUT FIELD [FID_COND_MRKT_DIV_CODE]", rt_cd="2")
    return call.stock("FID_INPUT_ISCD")


def price(call: KisCall) -> Json:
    """`inquire-price`."""
    return done(output=market_json.price_json(_stock(call), call.exchange.now))


def book(call: KisCall) -> Json:
    """`inquire-asking-price-exp-ccn`: ten levels; there is no expected price in a session."""
    shown, expected = market_json.book_json(_stock(call), call.exchange.now)
    return done(output1=shown, output2=expected)


def trades(call: KisCall) -> Json:
    """`inquire-ccnl`: the last thirty trades, newest first."""
    feed = _stock(call)
    day = market_json.day_of_feed(feed, call.exchange.now)
    recent = list(feed.recent)[-RECENT_TRADES:]
    return done(output=[market_json.trade_json(tick, day) for tick in reversed(recent)])


def recent_days(call: KisCall) -> Json:
    """`inquire-daily-price`: the last thirty days, weeks or months, newest first."""
    feed, now = _stock(call), call.exchange.now
    period = _period(call)
    rows = _bars(feed, period, feed.first, now + 1)
    return done(output=rows[:RECENT_DAYS])


def days(call: KisCall) -> Json:
    """`inquire-daily-itemchartprice`: up to a hundred bars of a span, newest first."""
    feed, now = _stock(call), call.exchange.now
    first, last = (_date(call, f"FID_INPUT_DATE_{place}") for place in (1, 2))
    rows = _bars(feed, _period(call), max(feed.first, first), min(last + DAY_MS, now + 1))
    return done(output1=market_json.chart_head(feed, now), output2=rows[:MOST_DAYS])


def _period(call: KisCall) -> str:
    text = call.need("FID_PERIOD_DIV_CODE")
    if text not in PERIODS:
        raise KisError("OPSQ2002", "ERROR INPUT FIELD [FID_PERIOD_DIV_CODE]", rt_cd="2")
    return PERIODS[text]


def _date(call: KisCall, name: str) -> int:
    found = parse_date(call.need(name))
    if found is None:
        raise KisError("OPSQ2002", f"ERROR INPUT FIELD [{name}]", rt_cd="2")
    return found


def _bars(feed: SymbolFeed, interval: str, start: int, end: int) -> list[Json]:
    bars = feed.bars(interval, start, end)
    earlier = feed.bars(interval, feed.first, start)[-1:]
    closes = [*[bar.close for bar in earlier or bars[:1]], *[bar.close for bar in bars]]
    rows = [market_json.daily_json(bar, closes[place]) for place, bar in enumerate(bars)]
    return rows[::-1]


def minutes(call: KisCall) -> Json:
    """`inquire-time-itemchartprice`: thirty minutes up to a time of the running day, newest first.

    `FID_PW_DATA_INCU_YN=Y` goes on into the days before.
    """
    feed, now = _stock(call), call.exchange.now
    clock = parse_clock(call.need("FID_INPUT_HOUR_1"))
    if clock is None:
        raise KisError("OPSQ2002", "ERROR INPUT FIELD [FID_INPUT_HOUR_1]", rt_cd="2")
    until = min(day_start(day_of(now)) + clock, now)
    start = utc_day(now)
    if call.params.text("FID_PW_DATA_INCU_YN") == "Y":
        start = feed.first
    found = feed.bars("1m", max(start, until - SESSION_ROWS * MINUTE_MS * 4), until + 1)
    sums = _values(found)
    rows = [market_json.minute_json(*pair) for pair in zip(found, sums, strict=True)]
    head: dict[str, Any] = market_json.chart_head(feed, now)
    return done(output1=head, output2=rows[: -MOST_MINUTES - 1 : -1])


def _values(bars: list[Kline]) -> list[float]:
    """Return the value that was traded on each bar's day so far."""
    found: list[float] = []
    for bar in bars:
        same = bool(found) and bar.start // DAY_MS == bars[len(found) - 1].start // DAY_MS
        found.append(bar.quote_volume + (found[-1] if same else 0.0))
    return found


ROUTES = {
    ("GET", f"{QUOTATIONS}/inquire-price"): serving(price, "FHKST01010100"),
    ("GET", f"{QUOTATIONS}/inquire-asking-price-exp-ccn"): serving(book, "FHKST01010200"),
    ("GET", f"{QUOTATIONS}/inquire-ccnl"): serving(trades, "FHKST01010300"),
    ("GET", f"{QUOTATIONS}/inquire-daily-price"): serving(recent_days, "FHKST01010400"),
    ("GET", f"{QUOTATIONS}/inquire-daily-itemchartprice"): serving(days, "FHKST03010100"),
    ("GET", f"{QUOTATIONS}/inquire-time-itemchartprice"): serving(minutes, "FHKST03010200"),
}
