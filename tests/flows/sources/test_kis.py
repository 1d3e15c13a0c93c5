"""Korean stocks over the Open API, against a server on this machine."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.settings import PROJECT
from flows.sources.http import HttpLimits, SourceError
from flows.sources.interface import TimeSpan
from flows.sources.kis.token import ISSUE_EVERY_S, KisCredentials, TokenFile
from flows.sources.request import DownloadReport, DownloadRequest, SourceUrls
from flows.sources.run import _download
from flows.sources.trading_hours import load_trading_hours
from lake.content import milliseconds
from lake.store import Lake
from lake.tables import RAW_CANDLES
from tests.flows.sources.kis_server import MINUTES, KisServer, serving
from trading.errors import SettingsError

NOW = datetime(2026, 6, 5, 8, 0, tzinfo=UTC)  # a Friday, after the close in Korea
QUICK = HttpLimits(backoff_s=0.0, attempts=3, silence_s=1.0, connect_s=1.0)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOCTURNE_KIS_KEY", "key")
    monkeypatch.setenv("NOCTURNE_KIS_SECRET", "secret")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def request(server: KisServer, folder: Path, first: datetime) -> DownloadRequest:
    return DownloadRequest(
        venue="krx",
        symbols=("005930",),
        span=TimeSpan(milliseconds(first), milliseconds(NOW)),
        now=NOW,
        urls=SourceUrls(krx=server.url),
        limits=QUICK,
        secrets_folder=folder / "state",
        hours=load_trading_hours(PROJECT / "config" / "trading_hours.toml", "krx"),
    )


async def fetched(lake: Lake, server: KisServer, first: datetime) -> DownloadReport:
    return await _download(lake, request(server, lake.root.parent, first), lambda *_: None)


def opened(lake: Lake, interval: str) -> list[datetime]:
    times = lake.read(RAW_CANDLES, ["open_time"], None, venue="krx", interval=interval)
    return [moment.replace(tzinfo=UTC) for moment in times["open_time"].to_pylist()]


async def test_days_come_by_pages_and_only_once(lake: Lake) -> None:
    first = datetime(2025, 1, 1, tzinfo=UTC)
    async with serving(KisServer(holidays={"20250101", "20260603"})) as server:
        report = await fetched(lake, server, first)
        pages = server.asked["inquire-daily-itemchartprice"]
        again = await fetched(lake, server, first)
    assert not report.failed
    expected = [
        day
        for day in (first + timedelta(days=n) for n in range(520))
        if day < NOW - timedelta(days=1)
        and day.weekday() < 5
        and f"{day:%Y%m%d}" not in server.holidays
    ]
    assert opened(lake, "1d") == expected
    row = lake.read(RAW_CANDLES, venue="krx", interval="1d", month="2026-06").to_pylist()[0]
    assert [row[name] for name in ("open", "high", "low", "close", "volume", "quote_volume")] == [
        *(70_001.0, 70_501.0, 69_501.0, 70_101.0, 1000.0, 7e7)
    ]
    assert pages == 4
    assert not again.failed
    assert server.asked["inquire-daily-itemchartprice"] == pages


async def test_the_minutes_of_past_days_and_of_today_are_stored_in_utc(lake: Lake) -> None:
    async with serving(KisServer(holidays={"20260604"})) as server:
        report = await fetched(lake, server, datetime(2026, 6, 2, tzinfo=UTC))
        asked = server.asked.copy()
        await fetched(lake, server, datetime(2026, 6, 2, tzinfo=UTC))
    assert not report.failed
    times = opened(lake, "1m")
    for day in (2, 5):
        of_day = [moment for moment in times if moment.day == day]
        assert of_day[0] == datetime(2026, 6, day, 0, 0, tzinfo=UTC)
        assert of_day[-1] == datetime(2026, 6, day, 6, 30, tzinfo=UTC)
        assert len(of_day) == len(MINUTES)
    assert {moment.day for moment in times} == {2, 5}
    # No day without a session is requested, and a second run on the same day requests none again.
    assert asked["inquire-time-dailychartprice"] == 5
    assert server.asked["inquire-time-dailychartprice"] == asked["inquire-time-dailychartprice"]


async def test_one_token_serves_every_process_and_only_its_owner_reads_it(lake: Lake) -> None:
    first = NOW - timedelta(days=10)
    async with serving(KisServer()) as server:
        await fetched(lake, server, first)
        await fetched(lake, server, first)
    assert server.asked["token"] == 1
    (file,) = (lake.root.parent / "state").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["token"] == "token-0"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
async def test_a_token_that_others_may_read_is_refused(lake: Lake, mode: int) -> None:
    async with serving(KisServer()) as server:
        await fetched(lake, server, NOW - timedelta(days=3))
        (file,) = (lake.root.parent / "state").glob("*.json")
        file.chmod(mode)
        report = await fetched(lake, server, NOW - timedelta(days=9))
    assert f"chmod 600 {file}" in report.failed[0].text


async def test_too_many_calls_and_an_ended_token_are_tried_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.sources.kis.token.ISSUE_EVERY_S", 0.0)
    async with serving(KisServer(errors=[(500, "EGW00201"), (500, "EGW00123")])) as server:
        report = await fetched(lake, server, NOW - timedelta(days=3))
    assert not report.failed
    assert server.asked["token"] == 2
    assert len(opened(lake, "1d")) == 2


async def test_an_error_names_its_code_and_no_secret(lake: Lake) -> None:
    async with serving(KisServer(errors=[(200, "OPSQ2001")] * 9)) as server:
        report = await fetched(lake, server, NOW - timedelta(days=3))
    assert "HTTP 200, OPSQ2001: 다시" in report.failed[0].text
    assert all("secret" not in remark.text for remark in report.failed)
    assert "secret" not in repr(KisCredentials("key", "secret"))


async def test_without_credentials_the_variables_are_named(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOCTURNE_KIS_SECRET")
    with pytest.raises(SettingsError, match="NOCTURNE_KIS_SECRET not set"):
        await fetched(lake, KisServer(url="http://127.0.0.1:9"), NOW - timedelta(days=3))


class Clock:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_no_token_is_requested_within_a_minute_of_the_last_request(tmp_path: Path) -> None:
    clock, asked_at = Clock(), []

    def file() -> TokenFile:
        credentials = KisCredentials("key", "secret")
        return TokenFile(tmp_path, "http://x", credentials, clock=clock, sleep=clock.sleep)

    async def refused() -> tuple[str, float]:
        asked_at.append(clock.now)
        raise SourceError("EGW00133")

    async def issued() -> tuple[str, float]:
        asked_at.append(clock.now)
        return "new", 86_400.0

    with pytest.raises(SourceError):
        await file().token(refused)
    clock.now += 25.0
    assert await file().token(issued) == "new"
    assert asked_at == [1_000_000.0, 1_000_000.0 + ISSUE_EVERY_S]
    assert clock.slept == [35.0]
    clock.now += 86_400.0 - 700.0
    assert await file().token(refused) == "new"
    clock.now += 200.0
    assert await file().token(issued) == "new"
    assert len(asked_at) == 3
