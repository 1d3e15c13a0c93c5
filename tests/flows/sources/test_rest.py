"""REST sources against a local server, by the libraries as they are: python-binance and ccxt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.sources.http import Host, HostClosed, HttpLimits, WeightLimit
from flows.sources.interface import TimeSpan
from flows.sources.request import DownloadRequest, SourceUrls
from flows.sources.run import _download
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_POSITIONING
from tests.flows.sources.mirror import HOUR_MS, Mirror, serving
from tests.flows.sources.test_download import (
    FEBRUARY,
    JANUARY,
    MARCH,
    candles,
    fetched,
    klines,
    ms,
    two_months,
)
from trading.candles import DAY_MS, MINUTE_MS

QUICK = HttpLimits(backoff_s=0.01, silence_s=0.5, connect_s=0.5, default_wait_s=0.05, attempts=3)
NOW = datetime(2024, 3, 1, 0, 10, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def rows(lake: Lake, symbol: str) -> int:
    return int(lake.read(RAW_CANDLES, ["open_time"], None, symbol=symbol).num_rows)


# --- Upbit, by ccxt ------------------------------------------------------------------------------


def upbit_request(mirror: Mirror, hours: int = 12) -> DownloadRequest:
    end = ms(NOW)
    return DownloadRequest(
        venue="upbit",
        symbols=("KRW-BTC",),
        span=TimeSpan(end - hours * HOUR_MS, end),
        now=NOW,
        urls=SourceUrls(upbit=mirror.url),
        limits=QUICK,
    )


def traded(hours: int = 14, quiet: tuple[int, ...] = ()) -> list[tuple[int, float]]:
    """A price for each minute before now, but for the ``quiet`` ones (counted from the first)."""
    first = ms(NOW) - hours * HOUR_MS
    minutes = [n for n in range(hours * 60) if n not in quiet]
    return [(first + n * MINUTE_MS, 90_000_000.0 + n % 9) for n in minutes]


async def test_upbit_is_read_backwards_and_quiet_minutes_are_not_invented(lake: Lake) -> None:
    quiet = (130, 131, 500)
    async with serving(Mirror(upbit={"KRW-BTC": traded(quiet=quiet)})) as mirror:
        report = await _download(lake, upbit_request(mirror), lambda *_: None)
        pages = mirror.asked["upbit"]
    assert not report.failed
    expected = [row for row in traded(quiet=quiet) if row[0] >= ms(NOW) - 12 * HOUR_MS]
    held = lake.read(RAW_CANDLES, venue="upbit", symbol="KRW-BTC")
    assert held["open_time"].cast("int64").to_pylist() == [time for time, _ in expected]
    assert held["close"].to_pylist() == [price for _, price in expected]
    assert held["quote_volume"].to_pylist() == [2 * price for _, price in expected]
    assert set(held["trades"].to_pylist()) == {None}
    assert pages == 5  # 200 a call, and the span lies in two months


@pytest.mark.parametrize("status", ["429", "500", "502", "503", "504"])
async def test_a_passing_fault_of_upbit_costs_only_another_request(lake: Lake, status: str) -> None:
    async with serving(Mirror(upbit={"KRW-BTC": traded()})) as mirror:
        mirror.fail("upbit", status, times=2)
        report = await _download(lake, upbit_request(mirror), lambda *_: None)
    assert not report.failed
    assert rows(lake, "KRW-BTC") == 720


async def test_upbits_refusal_names_the_market(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        mirror.fail("upbit", "404", times=9)
        report = await _download(lake, upbit_request(mirror), lambda *_: None)
    assert "candles of KRW-BTC" in report.failed[0].text


async def test_upbit_out_of_reach_is_said(lake: Lake) -> None:
    request = replace(upbit_request(Mirror()), urls=SourceUrls(upbit=NOWHERE))
    report = await _download(lake, request, lambda *_: None)
    assert NOWHERE in report.failed[0].text


# --- python-binance ------------------------------------------------------------------------------


async def recent(lake: Lake, mirror: Mirror, **changes: object):
    """Download two days that no archive has yet."""
    begin = NOW - timedelta(days=2)
    mirror.klines["NEARUSDT"] = klines(candles(begin, NOW))
    span = TimeSpan(ms(begin), ms(NOW))
    return await fetched(lake, mirror, span=span, now=NOW, limits=QUICK, **changes)


@pytest.mark.parametrize("status", ["429", "500", "502", "503", "504", "408"])
async def test_a_passing_fault_of_binance_costs_only_another_request(
    lake: Lake, status: str
) -> None:
    async with serving(Mirror()) as mirror:
        mirror.fail("klines", status, times=2, wait_s=0.01)
        report = await recent(lake, mirror)
    assert not report.failed
    assert rows(lake, "NEARUSDT") == 2 * 1440


async def test_an_answer_that_is_no_json_is_named(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        mirror.fail("klines", "no json", times=99)
        report = await recent(lake, mirror)
    assert "NEARUSDT" in report.failed[0].subject
    assert rows(lake, "NEARUSDT") == 0


async def test_after_a_ban_over_rest_nothing_more_is_sent_there(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        mirror.fail("klines", "418", times=99, wait_s=120)
        names = ("NEARUSDT", "FILUSDT", "DOTUSDT")
        report = await recent(lake, mirror, symbols=names, with_funding=True)
    assert mirror.asked["klines"] == 1
    assert mirror.asked["funding"] == 0
    assert "banned this address (HTTP 418, 120 seconds)" in report.failed[0].text


async def test_a_used_up_weight_waits_for_the_next_minute() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        host._resume_at = 0.0

    host = Host("x", QUICK, weight=WeightLimit("used", 2400), sleep=sleep)
    host.heard(200, {"used": "1919"})
    async with host:
        assert slept == []
    host.heard(200, {"used": "1920"})
    async with host:
        assert len(slept) == 1
    assert 0.0 < slept[0] <= 60.0


async def test_two_budgets_of_one_host_are_closed_together() -> None:
    archive, rest = Host("a", QUICK), Host("b", QUICK)
    archive.closes_with(rest)
    with pytest.raises(HostClosed):
        rest.heard(418, {"Retry-After": "9"})
    with pytest.raises(HostClosed, match="banned"):
        async with archive:
            pass


async def test_an_archive_out_of_reach_costs_only_what_it_serves(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        urls = SourceUrls(archive=NOWHERE, binance_usdm=mirror.url)
        report = await recent(lake, mirror, urls=urls, with_funding=True)
    assert rows(lake, "NEARUSDT") == 2 * 1440
    assert report.symbols[0].funding > 0
    assert "cannot be reached" in report.failed[0].text


async def test_a_body_slower_than_the_limit_is_given_up_and_continued(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        mirror.stall = {january}
        report = await fetched(lake, mirror, limits=QUICK)
    assert not report.failed
    assert rows(lake, "NEARUSDT") == 60 * 1440
    assert mirror.ranges


async def test_the_most_traded_symbols_are_downloaded(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        for symbol in ("NEARUSDT", "DOTUSDT"):
            mirror.add(symbol, "2024-01", candles(JANUARY, FEBRUARY))
        span = TimeSpan(ms(JANUARY), ms(FEBRUARY))
        report = await fetched(lake, mirror, symbols=(), top=2, span=span)
    assert [item.symbol for item in report.symbols] == ["NEARUSDT", "DOTUSDT"]
    assert {rows(lake, name) for name in ("NEARUSDT", "DOTUSDT")} == {31 * 1440}
    assert mirror.asked["ticker"] == 1


# --- positioning and sentiment -------------------------------------------------------------------


async def test_positioning_is_stored_hour_by_hour_and_continued(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        options = {"with_positioning": True, "limits": QUICK}
        await fetched(lake, mirror, **options)
        asked = mirror.asked["openInterestHist"]
        later = MARCH + timedelta(days=1)
        span = TimeSpan(ms(JANUARY), ms(later))
        await fetched(lake, mirror, **options, span=span, now=later)
    held = lake.read(RAW_POSITIONING, venue="binance_usdm", symbol="NEARUSDT")
    # The exchange serves the last 30 days.
    hours = [ms(MARCH) - 30 * DAY_MS + n * HOUR_MS for n in range(31 * 24)]
    assert held["time"].cast("int64").to_pylist() == hours
    assert asked == 2
    first = held.slice(0, 1).to_pylist()[0]
    assert (first["open_interest"], first["open_interest_value"]) == (10.5, 1050.0)
    assert first["long_short_account_ratio"] == 1.5
    assert first["top_trader_account_ratio"] == 2.5
    assert first["top_trader_position_ratio"] == 0.5


@pytest.mark.parametrize(
    ("value", "words"), [("101", "has the value 101"), ("-1", "has the value -1"), ("x", "no sent")]
)
async def test_a_sentiment_that_is_none_is_refused(lake: Lake, value: str, words: str) -> None:
    async with serving(Mirror(sentiment=[{"timestamp": "1704067200", "value": value}])) as mirror:
        two_months(mirror)
        urls = SourceUrls(
            archive=mirror.url, binance_usdm=mirror.url, sentiment=f"{mirror.url}/fng/"
        )
        report = await fetched(lake, mirror, urls=urls, with_sentiment=True)
    assert words in report.failed[0].text
    assert rows(lake, "NEARUSDT") == 60 * 1440


async def test_the_sentiment_of_the_wanted_days_is_stored(lake: Lake) -> None:
    midnight = ms(JANUARY) // 1000
    days = [{"timestamp": str(midnight + n * 86_400), "value": f"{40 + n}"} for n in range(-3, 5)]
    async with serving(Mirror(sentiment=days)) as mirror:
        two_months(mirror)
        urls = SourceUrls(
            archive=mirror.url, binance_usdm=mirror.url, sentiment=f"{mirror.url}/fng/"
        )
        await fetched(lake, mirror, urls=urls, with_sentiment=True)
    held = lake.read(RAW_POSITIONING, venue="binance_usdm", symbol="CROWD")
    assert held["sentiment_index"].to_pylist() == [40.0, 41.0, 42.0, 43.0, 44.0]
    assert held["time"].to_pylist()[0] == JANUARY


async def test_a_cancelled_download_closes_its_connections(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        mirror.slow_s = 0.05
        task = asyncio.create_task(fetched(lake, mirror))
        async with asyncio.timeout(10):
            while mirror.chunks < 1:
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
