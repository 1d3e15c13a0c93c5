"""The daily summary: once a day at its hour, across restarts, with what the day was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from executor.operations.daily_summary import DailySummary
from tests.executor.fakes import BTCUSDT, FakeVenue, Said, executor_on, settled, signal

NINE = {"alerts": {"summary_at": "09:00", "timezone": "Asia/Seoul"}}


class Hand:
    """A clock that the test sets, in UTC."""

    def __init__(self, text: str) -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_it_is_sent_once_a_day_at_the_hour_of_the_time_zone(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), **NINE) as executor:
        said = Said()
        executor.services.alerts = said
        hand = Hand("2026-03-01T23:59")  # 08:59 in Seoul
        summary = DailySummary(executor, hand)
        for moment, count in (
            ("2026-03-01T23:59", 0),
            ("2026-03-02T00:00", 1),
            ("2026-03-02T00:01", 1),
            ("2026-03-02T14:59", 1),
            ("2026-03-02T15:00", 1),  # midnight in Seoul: the next day's hour has not come
            ("2026-03-03T00:00", 2),
        ):
            hand.set(moment)
            await summary.look()
            assert len(said.titled("daily summary")) == count, moment


async def test_a_restart_after_the_hour_does_not_send_it_again(tmp_path: Path) -> None:
    counts = []
    for _ in range(2):
        async with executor_on(tmp_path, FakeVenue(), **NINE) as executor:
            said = Said()
            executor.services.alerts = said
            await DailySummary(executor, Hand("2026-03-02T06:00")).look()
            counts.append(len(said.titled("daily summary")))
    assert counts == [1, 0]


async def test_without_an_hour_there_is_none(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        said = Said()
        executor.services.alerts = said
        await DailySummary(executor, Hand("2026-03-02T23:00")).look()
        assert said.sent == []


async def test_it_names_equity_trades_positions_and_whether_entries_are_on(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        signal(executor)
        await settled(executor)
        summary = DailySummary(executor, Hand("2026-03-02T09:00"))
        assert summary.fields()["open positions"] == f"1: {BTCUSDT}"
        assert summary.fields()["trades in 24 h"] == "none"
        assert summary.fields()["entries"] == "on"
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        executor.closer.close(holding, "test", None)
        await settled(executor)
        executor.trading_state.block("test", "of the test")
        fields = summary.fields()
        assert fields["open positions"] == "none"
        assert fields["entries"] == "of the test"
        assert fields["trades in 24 h"] == "1 (0 won), -1.00 USDT"  # two fees of 0.5
        assert fields["equity"].endswith(" USDT")
        assert fields["mode"] == "replay"


@pytest.mark.parametrize(("language", "title"), [("en", "daily summary"), ("ko", "일일 요약")])
async def test_it_is_written_in_the_language_of_the_settings(
    tmp_path: Path, language: str, title: str
) -> None:
    from executor.notifications.alert_store import AlertLevel, WaitingAlert
    from executor.notifications.messages import AlertGroup, Wording, message_of

    async with executor_on(tmp_path, FakeVenue()) as executor:
        fields = DailySummary(executor, Hand("2026-03-02T09:00")).fields()
    alert = WaitingAlert(1, 0, "daily summary", fields, AlertLevel.INFO)
    text = message_of([AlertGroup((alert,))], Wording(language, "Asia/Seoul"))
    assert title in text
    assert ("자산 평가액" in text) == (language == "ko")
