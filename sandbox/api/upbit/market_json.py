"""JSON of Upbit's market data, in the exchange's field names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sandbox.market.candles import Kline
from sandbox.market.feed import SymbolFeed, TradePrint
from trading.candles import DAY_MS

Json = dict[str, Any]
KST = timezone(timedelta(hours=9))


def utc(time: int) -> str:
    """Format a time (ms) as UTC without a zone."""
    return datetime.fromtimestamp(time // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def kst(time: int) -> str:
    """Format a time (ms) as Korean time without a zone."""
    return datetime.fromtimestamp(time // 1_000, KST).strftime("%Y-%m-%dT%H:%M:%S")


def kst_zoned(time: int) -> str:
    """Format a time (ms) as Korean time with its zone, as orders show it."""
    return f"{kst(time)}+09:00"


def market_json(feed: SymbolFeed) -> Json:
    """Return a market as `market/all` does; names in Korean are not recorded."""
    base = feed.instrument.base
    return {
        "market": feed.symbol,
        "korean_name": base,
        "english_name": base,
        "market_event": {
            "warning": False,
            "caution": {
                "PRICE_FLUCTUATIONS": False,
                "TRADING_VOLUME_SOARING": False,
                "DEPOSIT_AMOUNT_SOARING": False,
                "GLOBAL_PRICE_DIFFERENCES": False,
                "CONCENTRATION_OF_SMALL_ACCOUNTS": False,
            },
        },
    }


def _day(feed: SymbolFeed) -> Kline:
    """Return the running day of UTC, on which Upbit's tickers stand."""
    start = feed.time // DAY_MS * DAY_MS
    found = feed.bars("1d", start, start + 1)
    price = float(feed.price)
    return found[-1] if found else Kline(start, start, price, price, price, price, 0.0, 0.0)


def ticker_json(feed: SymbolFeed) -> Json:
    """Return the running day as REST `ticker` does."""
    day, whole, price = _day(feed), feed.day(), float(feed.price)
    before = feed.bars("1d", day.start - DAY_MS, day.start)
    previous = before[-1].close if before else day.open
    change, last = price - previous, feed.recent[-1] if feed.recent else None
    rate = change / previous
    return {
        "market": feed.symbol,
        "trade_date": utc(feed.time)[:10].replace("-", ""),
        "trade_time": utc(feed.time)[11:].replace(":", ""),
        "trade_date_kst": kst(feed.time)[:10].replace("-", ""),
        "trade_time_kst": kst(feed.time)[11:].replace(":", ""),
        "trade_timestamp": last.time if last else feed.time,
        "opening_price": day.open,
        "high_price": day.high,
        "low_price": day.low,
        "trade_price": price,
        "prev_closing_price": previous,
        "change": "RISE" if change > 0 else "FALL" if change < 0 else "EVEN",
        "change_price": abs(change),
        "change_rate": abs(rate),
        "signed_change_price": change,
        "signed_change_rate": rate,
        "trade_volume": float(last.quantity) if last else 0.0,
        "acc_trade_price": day.quote_volume,
        "acc_trade_price_24h": whole.quote_volume if whole else 0.0,
        "acc_trade_volume": day.volume,
        "acc_trade_volume_24h": whole.volume if whole else 0.0,
        "timestamp": feed.time,
    }


def orderbook_json(feed: SymbolFeed, count: int = 30) -> Json:
    """Return the book as REST `orderbook` does."""
    bids, asks = (list(side.items()) for side in feed.book(count))
    pairs = list(zip(asks, bids, strict=False))
    return {
        "market": feed.symbol,
        "timestamp": feed.time,
        "total_ask_size": sum(float(ask[1]) for ask, _ in pairs),
        "total_bid_size": sum(float(bid[1]) for _, bid in pairs),
        "orderbook_units": [
            {
                "ask_price": float(ask[0]),
                "bid_price": float(bid[0]),
                "ask_size": float(ask[1]),
                "bid_size": float(bid[1]),
            }
            for ask, bid in pairs
        ],
        "level": 0,
    }


def trade_json(tick: TradePrint, previous: float) -> Json:
    """Return a trade as REST `trades/ticks` does."""
    price = float(tick.price)
    return {
        "market": tick.symbol,
        "trade_date_utc": utc(tick.time)[:10],
        "trade_time_utc": utc(tick.time)[11:],
        "timestamp": tick.time,
        "trade_price": price,
        "trade_volume": float(tick.quantity),
        "prev_closing_price": previous,
        "change_price": price - previous,
        "ask_bid": "ASK" if tick.buyer_maker else "BID",
        "sequential_id": tick.time * 1_000_000 + tick.trade_id % 1_000_000,
    }


def candle_json(symbol: str, bar: Kline, now: int, unit: int) -> Json:
    """Return a bar as REST `candles` does; ``unit`` is 0 for days and longer."""
    shown: Json = {
        "market": symbol,
        "candle_date_time_utc": utc(bar.start),
        "candle_date_time_kst": kst(bar.start),
        "opening_price": bar.open,
        "high_price": bar.high,
        "low_price": bar.low,
        "trade_price": bar.close,
        "timestamp": min(now, bar.end - 1),
        "candle_acc_trade_price": bar.quote_volume,
        "candle_acc_trade_volume": bar.volume,
    }
    return shown | ({"unit": unit} if unit else {})


def ticker_event(feed: SymbolFeed, stream: str) -> Json:
    """Return the `ticker` stream's message."""
    shown = ticker_json(feed)
    shown.pop("trade_date_kst"), shown.pop("trade_time_kst")
    last = feed.recent[-1] if feed.recent else None
    return {
        "type": "ticker",
        "code": shown.pop("market"),
        **shown,
        "ask_bid": "ASK" if last and last.buyer_maker else "BID",
        "market_state": "ACTIVE",
        "is_trading_suspended": False,
        "delisting_date": None,
        "market_warning": "NONE",
        "stream_type": stream,
    }


def trade_event(tick: TradePrint, previous: float, stream: str) -> Json:
    """Return the `trade` stream's message."""
    price = float(tick.price)
    change = price - previous
    return {
        "type": "trade",
        "code": tick.symbol,
        "timestamp": tick.time,
        "trade_date": utc(tick.time)[:10],
        "trade_time": utc(tick.time)[11:],
        "trade_timestamp": tick.time,
        "trade_price": price,
        "trade_volume": float(tick.quantity),
        "ask_bid": "ASK" if tick.buyer_maker else "BID",
        "prev_closing_price": previous,
        "change": "RISE" if change > 0 else "FALL" if change < 0 else "EVEN",
        "change_price": abs(change),
        "sequential_id": tick.time * 1_000_000 + tick.trade_id % 1_000_000,
        "stream_type": stream,
    }


def orderbook_event(feed: SymbolFeed, stream: str) -> Json:
    """Return the `orderbook` stream's message."""
    shown = orderbook_json(feed)
    return {"type": "orderbook", "code": shown.pop("market"), **shown, "stream_type": stream}


def previous_close(feed: SymbolFeed) -> float:
    """Return the close of the day before."""
    return float(ticker_json(feed)["prev_closing_price"])
