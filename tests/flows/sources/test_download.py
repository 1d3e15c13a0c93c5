"""A download against a local mirror: only what is missing, whatever the network does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.sources.http import HttpLimits
from flows.sources.interface import TimeSpan
from flows.sources.request import DownloadReport, DownloadRequest, SourceUrls
from flows.sources.run import _download
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_FUNDING
from tests.flows.sources.mirror import Mirror, csv_of, serving, zip_of
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import DataError

JANUARY = datetime(2024, 1, 1, tzinfo=UTC)
FEBRUARY = datetime(2024, 2, 1, tzinfo=UTC)
MARCH = datetime(2024, 3, 1, tzinfo=UTC)
QUICK = HttpLimits(backoff_s=0.01, silence_s=1.0, connect_s=1.0, default_wait_s=0.05)


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def candles(begin: datetime, end: datetime, without: tuple[int, ...] = ()) -> pa.Table:
    """A candle a minute whose price follows from its time; ``without`` are minutes left out."""
    times = np.arange(ms(begin), ms(end), MINUTE_MS, dtype=np.int64)
    times = np.delete(times, list(without))
    price = 100.0 + (times // MINUTE_MS % 97) / 10
    return pa.table(
        {
            "open_time": pa.array(times).cast(pa.timestamp("ms", "UTC")),
            "open": price,
            "high": price + 0.5,
            "low": price - 0.5,
            "close": price + 0.1,
            "volume": np.full(len(times), 3.0),
        }
    )


def klines(table: pa.Table) -> list[list[object]]:
    """The same candles as the REST side answers them."""
    rows: list[list[object]] = []
    for line in csv_of(table, header=False).splitlines():
        fields = line.split(",")
        whole = (0, 6, 8)
        rows.append([int(v) if i in whole else v for i, v in enumerate(fields)])
    return rows


def request(mirror: Mirror, **changes: object) -> DownloadRequest:
    wanted = DownloadRequest(
        venue="binance_usdm",
        symbols=("NEARUSDT",),
        span=TimeSpan(ms(JANUARY), ms(MARCH)),
        now=datetime(2024, 3, 1, 0, 10, tzinfo=UTC),
        urls=SourceUrls(archive=mirror.url, binance_usdm=mirror.url),
        limits=QUICK,
        with_funding=False,
        with_instruments=False,
    )
    return replace(wanted, **changes)  # type: ignore[arg-type]


async def fetched(lake: Lake, mirror: Mirror, **changes: object) -> DownloadReport:
    return await _download(lake, request(mirror, **changes), lambda *_: None)


def rows(lake: Lake, symbol: str = "NEARUSDT") -> int:
    return int(lake.read(RAW_CANDLES, ["open_time"], None, symbol=symbol).num_rows)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def two_months(mirror: Mirror) -> tuple[str, str]:
    return (
        mirror.add("NEARUSDT", "2024-01", candles(JANUARY, FEBRUARY)),
        mirror.add("NEARUSDT", "2024-02", candles(FEBRUARY, MARCH)),
    )


async def test_months_are_downloaded_once_and_never_requested_again(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        first = await fetched(lake, mirror)
        asked = mirror.asked.copy()
        second = await fetched(lake, mirror)
    assert first.candles == 60 * 1440
    assert not first.failed
    assert first.symbols[0].missing == ()
    assert second.candles == 0
    assert mirror.asked == asked
    assert not list((lake.root / "downloads").rglob("*.zip"))


async def test_what_the_lake_has_is_left_alone_and_the_rest_is_fetched(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        january, february = two_months(mirror)
        await fetched(lake, mirror, span=TimeSpan(ms(JANUARY), ms(FEBRUARY)))
        assert mirror.asked[february] == 0
        report = await fetched(lake, mirror)
    assert mirror.asked[january] == 1
    assert report.candles == 29 * 1440


async def test_the_root_of_a_mirror_that_has_a_folder_data_is_found(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        mirror.files = {f"data/{path}": data for path, data in mirror.files.items()}
        report = await fetched(lake, mirror)
    assert report.candles == 60 * 1440


async def test_a_month_not_yet_published_comes_by_days_and_today_by_rest(lake: Lake) -> None:
    now = datetime(2024, 2, 5, 6, 0, tzinfo=UTC)
    async with serving(Mirror()) as mirror:
        mirror.add("NEARUSDT", "2024-01", candles(JANUARY, FEBRUARY))
        for day in (1, 2, 3):
            begin = datetime(2024, 2, day, tzinfo=UTC)
            mirror.add(
                "NEARUSDT", f"2024-02-0{day}", candles(begin, begin + timedelta(days=1)), "daily"
            )
        mirror.klines["NEARUSDT"] = klines(candles(datetime(2024, 2, 4, tzinfo=UTC), now))
        report = await fetched(lake, mirror, span=TimeSpan(ms(JANUARY), ms(now)), now=now)
    assert report.candles == (31 + 4) * 1440 + 360
    assert report.symbols[0].missing == ()
    assert report.symbols[0].files == 4
    # Every candle has all that the exchange says of it, whatever way it came.
    volumes = lake.read(RAW_CANDLES, ["quote_volume"], None)["quote_volume"]
    assert volumes.null_count == 0


async def test_a_hole_of_the_archive_is_mended_over_rest(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        mirror.add("NEARUSDT", "2024-01", candles(JANUARY, FEBRUARY, without=(100, 101, 5000)))
        mirror.add("NEARUSDT", "2024-02", candles(FEBRUARY, MARCH))
        mirror.klines["NEARUSDT"] = klines(candles(JANUARY, FEBRUARY))
        report = await fetched(lake, mirror)
    assert report.candles == 60 * 1440
    assert report.symbols[0].missing == ()


async def test_a_hole_that_no_source_fills_is_reported_and_requested_once_a_day(
    lake: Lake,
) -> None:
    async with serving(Mirror()) as mirror:
        mirror.add("NEARUSDT", "2024-01", candles(JANUARY, FEBRUARY, without=(100, 101)))
        mirror.add("NEARUSDT", "2024-02", candles(FEBRUARY, MARCH))
        report = await fetched(lake, mirror)
        assert mirror.asked["klines"] == 1
        await fetched(lake, mirror)
        assert mirror.asked["klines"] == 1
        tomorrow = datetime(2024, 3, 2, 0, 10, tzinfo=UTC)
        await fetched(lake, mirror, now=tomorrow)
    assert mirror.asked["klines"] == 2
    begin = ms(JANUARY) + 100 * MINUTE_MS
    assert report.symbols[0].missing == (TimeSpan(begin, begin + 2 * MINUTE_MS),)
    assert not report.failed


async def test_nothing_is_requested_before_a_symbol_was_listed(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        before = TimeSpan(ms(datetime(2023, 10, 1, tzinfo=UTC)), ms(MARCH))
        report = await fetched(lake, mirror, span=before)
    assert report.symbols[0].missing == ()
    assert not any("daily" in path for path in mirror.asked)


FAULTS = {
    "a body that breaks off": ("truncated", {}),
    "an overloaded host": ("503", {}),
    "a host that asks to wait": ("429", {"wait_s": 0.05}),
    "bytes that do not match": ("wrong bytes", {}),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_passing_fault_costs_nothing_but_another_request(lake: Lake, name: str) -> None:
    kind, options = FAULTS[name]
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        mirror.fail(january, kind, **options)
        report = await fetched(lake, mirror)
    assert report.candles == 60 * 1440
    assert not report.failed
    assert mirror.asked[january] == 2


async def test_a_broken_download_continues_where_it_stopped(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        mirror.fail(january, "truncated")
        await fetched(lake, mirror)
        half = len(mirror.files[january]) // 2
    assert mirror.ranges == [f"bytes={half}-"]


async def test_a_host_that_ignores_ranges_is_downloaded_from_the_start(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        mirror.fail(january, "truncated")
        mirror.fail(january, "range ignored")
        report = await fetched(lake, mirror)
    assert report.candles == 60 * 1440
    assert not report.failed


@pytest.mark.parametrize(
    ("kind", "words"),
    [("wrong bytes", "its CHECKSUM says"), ("html", "HTML page"), ("403", "HTTP 403")],
)
async def test_a_lasting_fault_names_the_file_and_costs_only_that_month(
    lake: Lake, kind: str, words: str
) -> None:
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        mirror.fail(january, kind, times=9)
        report = await fetched(lake, mirror)
    assert rows(lake) == 29 * 1440
    (failed,) = [r for r in report.failed if "2024-01" in r.subject]
    assert words in failed.text
    assert "NEARUSDT-1m-2024-01.zip" in failed.text


async def test_after_a_ban_nothing_more_is_sent(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        january, february = two_months(mirror)
        for path in (january, february):
            mirror.fail(f"{path}.CHECKSUM", "418", times=9, wait_s=120)
        report = await fetched(lake, mirror, symbols=("NEARUSDT", "FILUSDT", "DOTUSDT"))
        # Requests in flight when the ban arrived were on their way already.
        assert sum(mirror.asked.values()) <= 2 * QUICK.parallel
    assert report.failed
    assert "banned this address" in report.failed[0].text


async def test_a_file_of_another_symbol_is_refused_and_both_are_named(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        wrong = zip_of("FILUSDT-1m-2024-01.csv", csv_of(candles(JANUARY, FEBRUARY)))
        mirror.replace(january, wrong)
        report = await fetched(lake, mirror)
    (failed,) = report.failed
    assert "FILUSDT" in failed.text
    assert "NEARUSDT" in failed.text
    assert rows(lake) == 29 * 1440


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("microseconds", [True, False])
async def test_archives_of_every_age_give_the_same_candles(
    lake: Lake, header: bool, microseconds: bool
) -> None:
    table = candles(JANUARY, FEBRUARY)
    async with serving(Mirror()) as mirror:
        january, _ = two_months(mirror)
        text = csv_of(table, header, microseconds)
        mirror.replace(january, zip_of("NEARUSDT-1m-2024-01.csv", text))
        await fetched(lake, mirror)
    held = lake.read(RAW_CANDLES, ["open_time", "close"], None, month="2024-01")
    assert held["open_time"].equals(table["open_time"])
    assert held["close"].to_pylist() == pytest.approx(table["close"].to_pylist())


async def test_one_symbols_trouble_costs_only_that_symbol(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        report = await fetched(lake, mirror, symbols=("NOSUCHUSDT", "NEARUSDT"))
    assert rows(lake) == 60 * 1440
    (failed,) = report.failed
    assert failed.subject == "NOSUCHUSDT"
    assert "is the symbol right" in failed.text


async def test_funding_is_fetched_from_its_last_rate_on(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        report = await fetched(lake, mirror, with_funding=True)
        assert report.symbols[0].funding == 60 * 3 - 1
        asked = mirror.asked["funding"]
        await fetched(lake, mirror, with_funding=True)
        assert mirror.asked["funding"] == asked
        later = MARCH + timedelta(days=1)
        report = await fetched(
            lake, mirror, with_funding=True, span=TimeSpan(ms(JANUARY), ms(later)), now=later
        )
    assert report.symbols[0].funding == 3
    held = lake.read(RAW_FUNDING, ["funding_time"], None, symbol="NEARUSDT")
    assert held.num_rows == 60 * 3 + 2


async def test_a_host_out_of_reach_is_left_alone_after_two_attempts(lake: Lake) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        nowhere = SourceUrls(archive=mirror.url, binance_usdm="http://127.0.0.1:9")
        started = asyncio.get_running_loop().time()
        report = await fetched(lake, mirror, urls=nowhere, with_funding=True, with_instruments=True)
        assert asyncio.get_running_loop().time() - started < 10
    assert report.candles == 60 * 1440
    assert not report.failed
    assert "cannot be reached" in report.remarks[0].text


SCRIPT = """
import sys
from tests.flows.sources.killed import main
main(*sys.argv[1:])
"""


async def test_a_killed_download_continues_to_the_same_lake(lake: Lake, tmp_path: Path) -> None:
    async with serving(Mirror()) as mirror:
        two_months(mirror)
        whole = Lake(tmp_path / "whole")
        await fetched(whole, mirror)
        mirror.slow_s = 0.02  # a download long enough to be killed within
        for kill_after in (1, 3, 5, 8):
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, mirror.url, str(lake.root)],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            )
            sent = mirror.chunks
            async with asyncio.timeout(60):
                while mirror.chunks < sent + kill_after and process.poll() is None:
                    await asyncio.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        mirror.slow_s = 0.0
        await fetched(lake, mirror)

    def hashes(of: Lake) -> list[str]:
        return [ref.sha256 for ref in of.fingerprint(RAW_CANDLES)]

    assert hashes(lake) == hashes(whole)
    assert not list((lake.root / "downloads").rglob("*.part"))


def test_days_and_months_of_a_span_are_whole() -> None:
    from flows.sources.coverage import days, missing, months

    span = TimeSpan(ms(JANUARY) + DAY_MS // 2, ms(FEBRUARY) + MINUTE_MS)
    assert [name for name, _ in months(span)] == ["2024-01", "2024-02"]
    assert len(list(days(span))) == 32
    times = np.array([0, 1, 4], np.int64) * MINUTE_MS
    holes = missing(times, TimeSpan(0, 6 * MINUTE_MS))
    assert [(h.begin // MINUTE_MS, h.end // MINUTE_MS) for h in holes] == [(2, 4), (5, 6)]


@pytest.mark.parametrize("symbol", ["../../outside", "btcusdt", "BTC/USDT", "", "A" * 41])
def test_what_is_no_symbol_is_refused_before_anything_is_written(lake: Lake, symbol: str) -> None:
    from flows.sources.run import download

    with pytest.raises(DataError, match="is not a symbol"):
        download(lake, request(Mirror(url="http://127.0.0.1:9"), symbols=("NEARUSDT", symbol)))
    assert not lake.root.exists()
