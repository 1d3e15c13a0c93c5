"""Market data of KIS, in the exchange's field names; every value is text.

Fundamentals (per, eps, listed shares, ...) are not recorded and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.api.kis.times import clock_text, date_text
from sandbox.engines.kis.calendar import day_of
from sandbox.engines.kis.price_limits import LADDER
from sandbox.market.candles import Kline
from sandbox.market.feed import SymbolFeed, TradePrint
from trading.candles import DAY_MS

Json = dict[str, Any]
LEVELS = 10
YEAR_DAYS = 365
RISE, EVEN, FALL = "2", "3", "5"
PERCENT = 100


def won(value: object) -> str:
    """Format a price or an amount in whole won."""
    return f"{float(str(value)):.0f}"


def rate(value: float) -> str:
    """Format a percentage."""
    return f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Day:
    """The running day of a stock: its bar so far, and the close before it."""

    bar: Kline
    previous: float
    previous_volume: float

    def change(self, price: float) -> Json:
        """Return the change of ``price`` since the day before."""
        change = price - self.previous
        return {
            "prdy_vrss": won(change),
            "prdy_vrss_sign": sign_of(change),
            "prdy_ctrt": rate(change / self.previous * PERCENT),
        }


def sign_of(change: float) -> str:
    """Return the sign of a change as KIS numbers it."""
    return RISE if change > 0 else FALL if change < 0 else EVEN


def utc_day(time: int) -> int:
    """Return the start of the UTC day (ms) that holds the session of the Korean day of ``time``."""
    return day_of(time) * DAY_MS


def day_of_feed(feed: SymbolFeed, now: int) -> Day:
    """Return the running day of a stock; before its first trade it stands at the last close."""
    start, price = utc_day(now), float(feed.price)
    earlier = feed.bars("1d", max(feed.first, start - 14 * DAY_MS), start)
    last = earlier[-1] if earlier else None
    found = feed.bars("1d", start, start + 1)
    previous = last.close if last else found[0].open if found else price
    bar = found[-1] if found else Kline(start, start, price, price, price, price, 0.0, 0.0)
    return Day(bar, previous, last.volume if last else 0.0)


def price_json(feed: SymbolFeed, now: int) -> Json:
    """Return `output` of `inquire-price`."""
    day, price = day_of_feed(feed, now), float(feed.price)
    year = feed.series.whole(now - YEAR_DAYS * DAY_MS, now)
    volume = day.bar.volume
    rules = feed.instrument
    return {
        "iscd_stat_cls_code": "55",
        "rprs_mrkt_kor_name": "KRX",
        "temp_stop_yn": "Y" if rules.status != "TRADING" else "N",
        "stck_prpr": won(price),
        **day.change(price),
        "acml_tr_pbmn": won(day.bar.quote_volume),
        "acml_vol": won(volume),
        "prdy_vrss_vol_rate": _share(volume, day.previous_volume),
        "stck_oprc": won(day.bar.open),
        "stck_hgpr": won(day.bar.high),
        "stck_lwpr": won(day.bar.low),
        "stck_mxpr": won(rules.max_price),
        "stck_llam": won(rules.min_price),
        "stck_sdpr": won(day.previous),
        "wghn_avrg_stck_prc": rate(day.bar.quote_volume / volume if volume else price),
        "aspr_unit": won(LADDER.step(feed.price)),
        "w52_hgpr": won(year.high if year else price),
        "w52_lwpr": won(year.low if year else price),
        "stck_shrn_iscd": feed.symbol,
        "vi_cls_code": "N",
    }


def _share(part: float, whole: float) -> str:
    return rate(part / whole * PERCENT if whole else 0.0)


def _levels(feed: SymbolFeed) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return ten asks and ten bids, best first; what is missing is 0."""
    bids, asks = (list(side.items()) for side in feed.book(LEVELS))
    empty = [("0", "0")] * LEVELS
    return (asks + empty)[:LEVELS], (bids + empty)[:LEVELS]


def book_json(feed: SymbolFeed, now: int) -> tuple[Json, Json]:
    """Return `output1` and `output2` of `inquire-asking-price-exp-ccn`."""
    asks, bids = _levels(feed)
    shown: Json = {"aspr_acpt_hour": clock_text(now)}
    for name, side in (("ask", asks), ("bid", bids)):
        for place, (level, size) in enumerate(side, start=1):
            shown[f"{name}p{place}"], shown[f"{name}p_rsqn{place}"] = won(level), won(size)
            shown[f"{name}p_rsqn_icdc{place}"] = "0"
    sums = {"total_askp_rsqn": _sum(asks), "total_bidp_rsqn": _sum(bids)}
    surplus = str(int(sums["total_bidp_rsqn"]) - int(sums["total_askp_rsqn"]))
    day, price = day_of_feed(feed, now), float(feed.price)
    expected = {
        "stck_prpr": won(price),
        "stck_oprc": won(day.bar.open),
        "stck_hgpr": won(day.bar.high),
        "stck_lwpr": won(day.bar.low),
        "stck_sdpr": won(day.previous),
        "antc_cnpr": "0",
        "antc_vol": "0",
        "stck_shrn_iscd": feed.symbol,
        "vi_cls_code": "N",
    }
    return {**shown, **sums, "ntby_aspr_rsqn": surplus}, expected


def _sum(side: Iterable[tuple[str, str]]) -> str:
    return str(sum(int(float(size)) for _, size in side))


def daily_json(bar: Kline, previous: float) -> Json:
    """Return a row of `output2` of `inquire-daily-itemchartprice`."""
    change = bar.close - previous
    return {
        "stck_bsop_date": date_text(bar.start),
        "stck_clpr": won(bar.close),
        "stck_oprc": won(bar.open),
        "stck_hgpr": won(bar.high),
        "stck_lwpr": won(bar.low),
        "acml_vol": won(bar.volume),
        "acml_tr_pbmn": won(bar.quote_volume),
        "flng_cls_code": "00",
        "prtt_rate": "0.00",
        "mod_yn": "N",
        "prdy_vrss_sign": sign_of(change),
        "prdy_vrss": won(change),
        "revl_issu_reas": "",
    }


def minute_json(bar: Kline, value_so_far: float) -> Json:
    """Return a row of `output2` of `inquire-time-itemchartprice`."""
    return {
        "stck_bsop_date": date_text(bar.start),
        "stck_cntg_hour": clock_text(bar.start),
        "stck_prpr": won(bar.close),
        "stck_oprc": won(bar.open),
        "stck_hgpr": won(bar.high),
        "stck_lwpr": won(bar.low),
        "cntg_vol": won(bar.volume),
        "acml_tr_pbmn": won(value_so_far),
    }


def chart_head(feed: SymbolFeed, now: int) -> Json:
    """Return `output1` of the charts."""
    day, price = day_of_feed(feed, now), float(feed.price)
    return {
        **day.change(price),
        "stck_prdy_clpr": won(day.previous),
        "acml_vol": won(day.bar.volume),
        "acml_tr_pbmn": won(day.bar.quote_volume),
        "hts_kor_isnm": feed.symbol,
        "stck_prpr": won(price),
        "stck_shrn_iscd": feed.symbol,
        "prdy_vol": won(day.previous_volume),
        "stck_mxpr": won(feed.instrument.max_price),
        "stck_llam": won(feed.instrument.min_price),
        "stck_oprc": won(day.bar.open),
        "stck_hgpr": won(day.bar.high),
        "stck_lwpr": won(day.bar.low),
        "askp": won(feed.ask),
        "bidp": won(feed.bid),
    }


def trade_json(tick: TradePrint, day: Day) -> Json:
    """Return a row of `inquire-ccnl`."""
    return {
        "stck_cntg_hour": clock_text(tick.time),
        "stck_prpr": won(tick.price),
        **day.change(float(tick.price)),
        "cntg_vol": won(tick.quantity),
        "tday_rltv": "100.00",
    }


def trade_columns(feed: SymbolFeed, tick: TradePrint) -> Json:
    """Return the columns of `H0STCNT0`, in the order of the exchange.

    Buyer-initiated and seller-initiated sums are not recorded: both are half of the volume.
    """
    day, price = day_of_feed(feed, tick.time), float(tick.price)
    change, bar = day.change(price), day.bar
    asks, bids = _levels(feed)
    half, volume, opened = won(bar.volume // 2), won(bar.volume), clock_text(day.bar.start)
    columns: Json = {
        "MKSC_SHRN_ISCD": feed.symbol,
        "STCK_CNTG_HOUR": clock_text(tick.time),
        "STCK_PRPR": won(price),
        "PRDY_VRSS_SIGN": change["prdy_vrss_sign"],
        "PRDY_VRSS": change["prdy_vrss"],
        "PRDY_CTRT": change["prdy_ctrt"],
        "WGHN_AVRG_STCK_PRC": rate(bar.quote_volume / bar.volume if bar.volume else price),
        "STCK_OPRC": won(bar.open),
        "STCK_HGPR": won(bar.high),
        "STCK_LWPR": won(bar.low),
        "ASKP1": won(asks[0][0]),
        "BIDP1": won(bids[0][0]),
        "CNTG_VOL": won(tick.quantity),
        "ACML_VOL": volume,
        "ACML_TR_PBMN": won(bar.quote_volume),
        "SELN_CNTG_CSNU": "0",
        "SHNU_CNTG_CSNU": "0",
        "NTBY_CNTG_CSNU": "0",
        "CTTR": "100.00",
        "SELN_CNTG_SMTN": half,
        "SHNU_CNTG_SMTN": half,
        "CCLD_DVSN": "5" if tick.buyer_maker else "1",
        "SHNU_RATE": "0.50",
        "PRDY_VOL_VRSS_ACML_VOL_RATE": _share(bar.volume, day.previous_volume),
    }
    for name, level in (("OPRC", bar.open), ("HGPR", bar.high), ("LWPR", bar.low)):
        columns[f"{name}_HOUR"] = opened
        columns[f"{name}_VRSS_PRPR_SIGN"] = sign_of(price - level)
        columns[f"{name}_VRSS_PRPR"] = won(price - level)
    return columns | {
        "BSOP_DATE": date_text(tick.time),
        "NEW_MKOP_CLS_CODE": "20",
        "TRHT_YN": "N" if feed.instrument.status == "TRADING" else "Y",
        "ASKP_RSQN1": won(asks[0][1]),
        "BIDP_RSQN1": won(bids[0][1]),
        "TOTAL_ASKP_RSQN": _sum(asks),
        "TOTAL_BIDP_RSQN": _sum(bids),
        "VOL_TNRT": "0.00",
        "PRDY_SMNS_HOUR_ACML_VOL": "0",
        "PRDY_SMNS_HOUR_ACML_VOL_RATE": "0.00",
        "HOUR_CLS_CODE": "0",
        "MRKT_TRTM_CLS_CODE": "",
        "VI_STND_PRC": "0",
        "MARKET_CLS_CODE": "2",
    }


def book_columns(feed: SymbolFeed, time: int) -> Json:
    """Return the columns of `H0STASP0`, in the order of the exchange."""
    asks, bids = _levels(feed)
    columns: Json = {
        "MKSC_SHRN_ISCD": feed.symbol,
        "BSOP_HOUR": clock_text(time),
        "HOUR_CLS_CODE": "0",
    }
    for part, index in (("P", 0), ("P_RSQN", 1)):
        for name, side in (("ASK", asks), ("BID", bids)):
            for place, level in enumerate(side, start=1):
                columns[f"{name}{part}{place}"] = won(level[index])
    volume = won(day_of_feed(feed, time).bar.volume)
    return columns | {
        "TOTAL_ASKP_RSQN": _sum(asks),
        "TOTAL_BIDP_RSQN": _sum(bids),
        "OVTM_TOTAL_ASKP_RSQN": "0",
        "OVTM_TOTAL_BIDP_RSQN": "0",
        "ANTC_CNPR": "0",
        "ANTC_CNQN": "0",
        "ANTC_VOL": "0",
        "ANTC_CNTG_VRSS": "0",
        "ANTC_CNTG_VRSS_SIGN": EVEN,
        "ANTC_CNTG_PRDY_CTRT": "0.00",
        "ACML_VOL": volume,
        "TOTAL_ASKP_RSQN_ICDC": "0",
        "TOTAL_BIDP_RSQN_ICDC": "0",
        "OVTM_TOTAL_ASKP_ICDC": "0",
        "OVTM_TOTAL_BIDP_ICDC": "0",
        "STCK_DEAL_CLS_CODE": "",
        "MID_PRC": won((float(asks[0][0]) + float(bids[0][0])) / 2),
        "MIDP_TOTAL_RSQN": "0",
        "MIDP_CLS_CODE": "0",
        "MARKET_CLS_CODE": "2",
    }
