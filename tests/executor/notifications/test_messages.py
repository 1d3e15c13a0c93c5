"""Texts of messages, and what is due when."""

from __future__ import annotations

import ast
import logging
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.notifications.alert_store import AlertLevel, WaitingAlert
from executor.notifications.alerts import LogAlerts
from executor.notifications.catalogue import KOREAN, LEVELS, level_of, title_in
from executor.notifications.due import LastSent, QuietHours, due
from executor.notifications.messages import (
    LONGEST_MESSAGE,
    AlertGroup,
    Wording,
    bare_message_of,
    fitting,
    length_of,
    message_of,
)

ROOT = Path(__file__).parents[3]
OPENED = WaitingAlert(
    7,
    0,
    "🟢 position opened (breakout)",
    {"symbol": "BTCUSDT", "side": "long", "stop / take-profit": "49000 / none"},
    AlertLevel.INFO,
)
alerts = st.builds(
    WaitingAlert,
    id=st.integers(1, 10**6),
    time=st.integers(0, 4 * 10**12),
    title=st.text(max_size=500) | st.sampled_from(sorted(LEVELS)),
    fields=st.dictionaries(st.text(max_size=60), st.text(max_size=3000), max_size=12),
    level=st.sampled_from(AlertLevel),
)
wordings = st.builds(
    Wording, language=st.sampled_from(["en", "ko"]), timezone=st.sampled_from(["UTC", "Asia/Seoul"])
)


def groups(count: int, text: str = "x") -> list[AlertGroup]:
    return [AlertGroup((WaitingAlert(n, 0, "t", {"why": text}),)) for n in range(1, count + 1)]


@given(st.lists(alerts, min_size=1, max_size=40), wordings)
def test_no_message_is_longer_than_discord_takes_and_each_names_its_alert(
    found: list[WaitingAlert], wording: Wording
) -> None:
    chosen = fitting([AlertGroup((alert,)) for alert in found], wording)
    text = message_of(chosen, wording)
    assert length_of(text) <= LONGEST_MESSAGE < 2_000
    assert f"#{chosen[0].newest.id}" in text
    assert length_of(bare_message_of(chosen)) <= LONGEST_MESSAGE


def test_a_few_alerts_go_one_by_one_and_many_as_a_digest_that_fits() -> None:
    assert len(fitting(groups(4), Wording())) == 1
    assert message_of(fitting(groups(6), Wording()), Wording()).startswith("6 alerts:\n⚠️ **t** (#1")
    long = fitting(groups(20, "y" * 300), Wording())
    assert 5 <= len(long) < 20


def test_an_entry_reads_in_english_and_in_korean() -> None:
    group = [AlertGroup((OPENED,))]
    assert message_of(group, Wording()) == (
        "**🟢 position opened (breakout)** (#7, 1970-01-01 00:00:00 UTC)\n"
        "symbol: BTCUSDT\nside: long\nstop / take-profit: 49000 / none"
    )
    assert message_of(group, Wording("ko", "Asia/Seoul")) == (
        "**🟢 포지션 진입 (breakout)** (#7, 1970-01-01 09:00:00 KST)\n"
        "종목: BTCUSDT\n방향: 롱\n손절가 / 익절가: 49000 / none"
    )


def titles_of_the_executor() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "executor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            first = node.args[0]
            if called.endswith(("alerts.send", "alert.send")) and isinstance(first, ast.Constant):
                found.add(str(first.value))
    return found


def test_every_alert_of_the_executor_has_a_level_and_a_korean_title() -> None:
    titles = titles_of_the_executor()
    assert len(titles) > 20
    missing = titles - set(LEVELS)
    assert missing == set(), "add them to executor/notifications/catalogue.py"
    assert set(KOREAN) == set(LEVELS)


def test_an_alert_that_is_not_listed_is_a_warning_in_its_own_words() -> None:
    assert level_of("something new (x)") is AlertLevel.WARNING
    assert title_in("ko", "something new (x)") == "something new (x)"
    assert level_of("🟢 position opened (breakout)") is AlertLevel.INFO


@pytest.mark.parametrize(
    ("clock", "held"),
    [("22:59", False), ("23:00", True), ("03:00", True), ("06:59", True), ("07:00", False)],
)
def test_quiet_hours_go_over_midnight_by_the_clock_of_the_zone(clock: str, held: bool) -> None:
    quiet = QuietHours(time(23), time(7), "Asia/Seoul")
    hour, minute = map(int, clock.split(":"))
    now = datetime(2026, 1, 1, (hour - 9) % 24, minute, tzinfo=UTC)
    assert quiet.hold(now) is held


def test_without_quiet_hours_nothing_is_held() -> None:
    assert not QuietHours().hold(datetime(2026, 1, 1, tzinfo=UTC))


def alert(number: int, symbol: str, time_ms: int) -> WaitingAlert:
    return WaitingAlert(number, time_ms, "left out", {"symbol": symbol})


def test_two_symbols_and_two_minutes_are_not_joined() -> None:
    waiting = [alert(1, "A", 0), alert(2, "B", 1), alert(3, "A", 59_999), alert(4, "A", 60_000)]
    found = due(waiting, datetime.now(UTC), QuietHours(), {})
    assert [[one.id for one in group.alerts] for group in found] == [[1, 3], [2], [4]]
    sent = {("left out", "A"): LastSent(59_000, 0)}
    later = due(waiting, datetime.now(UTC), QuietHours(), sent)
    assert [group.newest.id for group in later] == [2, 4], "those of the minute that was sent wait"


def test_what_a_newer_alert_has_overtaken_does_not_wait_for_another_minute() -> None:
    waiting = [alert(2, "A", 10_000), alert(4, "A", 61_000)]
    sent = {("left out", "A"): LastSent(100, 60_000)}
    found = due(waiting, datetime.now(UTC), QuietHours(), sent)
    assert [group.newest.id for group in found] == [2], "61 s is of the minute that was sent"


def test_positions_are_never_joined() -> None:
    found = due([OPENED, OPENED], datetime.now(UTC), QuietHours(), {})
    assert len(found) == 2


@pytest.mark.parametrize(
    ("title", "level"),
    [
        ("🟢 position opened (breakout)", logging.INFO),
        ("release not taken", logging.WARNING),
        ("a title that is not listed", logging.WARNING),
        ("symbol halted", logging.ERROR),
    ],
)
def test_an_alert_is_logged_at_its_own_level(
    caplog: pytest.LogCaptureFixture, title: str, level: int
) -> None:
    with caplog.at_level(logging.INFO, "executor"):
        LogAlerts().send(title, symbol="BTCUSDT")
    (record,) = caplog.records
    assert (record.getMessage(), record.levelno) == (f"alert: {title}", level)
