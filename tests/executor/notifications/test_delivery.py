"""Alerts on their way: a fake Discord takes, limits and refuses them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from executor.bus.events import EventType
from executor.ledger.store import Ledger
from executor.notifications.alert_store import AlertLevel
from executor.notifications.apprise_channel import AppriseChannel
from executor.notifications.channels import Answer, Channel, Receipt
from executor.notifications.delivery import AlertDelivery
from executor.notifications.discord import DiscordChannel, receipt_of
from executor.operations.position_alerts import position_alert
from executor.runtime.alert_settings import AlertSettings
from executor.runtime.masking import Masker
from executor.settings import load_keys
from executor.venues.binance.masking import masked
from tests.executor.fakes import FakeVenue, executor_on, settled, signal
from tests.executor.harness import Bench, Replay, utc
from tests.executor.notifications.hostile import fake_discord
from tests.executor.test_settings import ONE_VENUE
from tests.waiting import until
from trading.errors import SettingsError

SECRET = "secret-of-an-api-key"
NIGHT = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)


class Mailbox:
    """A channel of a test: it answers as scripted and keeps what it accepted."""

    def __init__(self, name: str = "mailbox", *answers: Answer) -> None:
        self.name = name
        self.answers = list(answers)
        self.texts: list[str] = []
        self.asked: list[str] = []

    def send(self, text: str) -> Receipt:
        self.asked.append(text)
        answer = self.answers.pop(0) if self.answers else Answer.ACCEPTED
        if answer is Answer.ACCEPTED:
            self.texts.append(text)
        return Receipt(answer, reason="scripted")


@asynccontextmanager
async def delivering(
    folder: Path,
    channels: Sequence[Channel],
    settings: AlertSettings | None = None,
    now: datetime | None = None,
    secrets: Sequence[str] = (SECRET,),
) -> AsyncIterator[tuple[AlertDelivery, Ledger]]:
    ledger = Ledger(folder / "ledger.sqlite")
    alerts = AlertDelivery(
        channels,
        ledger.outbox,
        settings or AlertSettings(),
        lambda: 0,
        Masker(secrets, masked),
        lambda: now or datetime.now(UTC),
    )
    alerts.first_delay_s = 0.01
    task = asyncio.create_task(alerts.run())
    yield alerts, ledger
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ledger.close()


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_an_alert_arrives_with_its_number_and_without_secrets(tmp_path: Path) -> None:
    with fake_discord() as discord:
        channel = DiscordChannel(discord.url)
        secrets = (SECRET, discord.url)
        async with delivering(tmp_path, [channel], secrets=secrets) as (alerts, ledger):
            alerts.send("API key", error=f"key {SECRET} at /fapi?signature=abcdef12&x=1")
            await reached(lambda: not ledger.outbox.waiting(1))
        assert discord.accepted == [
            "⚠️ **API key** (#1, 1970-01-01 00:00:00 UTC)\nerror: key *** at /fapi?signature=***&x=1"
        ]
        (body,) = discord.bodies
        assert body["allowed_mentions"] == {"parse": []}
        assert body["path"].endswith("?wait=True")


async def test_every_answer_of_a_hostile_server_is_survived(tmp_path: Path) -> None:
    limited = (429, {}, '{"retry_after": 0.05}')
    last = (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.05"}, "{}")
    page = (502, {}, "<html>")
    with fake_discord() as discord:
        discord.answers = [limited, page, (500, {}, ""), (204, {}, ""), last]
        async with delivering(tmp_path, [DiscordChannel(discord.url)]) as (alerts, ledger):
            alerts.send("slippage", order="a")
            alerts.send("release refused", reason="b")
            await reached(lambda: not ledger.outbox.waiting(1))
        assert [text.split("**")[1] for text in discord.accepted] == ["slippage", "release refused"]
        assert discord.asked == 5


@pytest.mark.parametrize(
    ("status", "headers", "body", "answer", "wait_s"),
    [
        (200, {}, b"{}", Answer.ACCEPTED, None),
        (204, {}, b"", Answer.ACCEPTED, None),
        (429, {}, b'{"retry_after": 3}', Answer.LATER, 3.0),
        (429, {"Retry-After": "4"}, b"<html>", Answer.LATER, 4.0),
        (429, {}, b"[]", Answer.LATER, 60.0),
        (429, {}, b'{"retry_after": 64000}', Answer.LATER, 600.0),
        (429, {}, b'{"retry_after": "nan"}', Answer.LATER, 60.0),
        (500, {}, b"<html>", Answer.LATER, None),
        (404, {}, b"", Answer.GONE, None),
        (401, {}, b"", Answer.GONE, None),
        (400, {}, b'{"code": 50035}', Answer.REFUSED, None),
    ],
)
def test_the_status_decides(
    status: int, headers: dict[str, str], body: bytes, answer: Answer, wait_s: float | None
) -> None:
    receipt = receipt_of(status, headers, body)
    assert (receipt.answer, receipt.wait_s) == (answer, wait_s)


async def test_alerts_of_before_a_crash_are_delivered_later(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.outbox.add(0, "before the crash", {})
    ledger.close()
    box = Mailbox("box", Answer.LATER)
    async with delivering(tmp_path, [box]) as (alerts, _):
        alerts.send("after it")
        await reached(lambda: len(box.texts) == 2)
    assert [text.split("**")[1] for text in box.texts] == ["before the crash", "after it"]


async def test_each_channel_takes_an_alert_once_whatever_the_others_do(tmp_path: Path) -> None:
    fine, dead = Mailbox("fine"), Mailbox("dead", *[Answer.GONE] * 9)
    async with delivering(tmp_path, [fine, dead]) as (alerts, ledger):
        alerts.send("slippage", order="a")
        await reached(lambda: len(fine.texts) == 1 and len(dead.asked) == 1)
        await reached(lambda: alerts.failing_s > 0)
        assert len(ledger.outbox.waiting(5)) == 1
    again = Mailbox("fine"), Mailbox("dead")
    async with delivering(tmp_path, again) as (alerts, ledger):
        await reached(lambda: not ledger.outbox.waiting(1))
        assert alerts.failing_s == 0
    assert [len(box.texts) for box in again] == [0, 1]


async def test_a_text_that_is_refused_goes_out_as_its_number(tmp_path: Path) -> None:
    box = Mailbox("box", Answer.REFUSED)
    async with delivering(tmp_path, [box]) as (alerts, _):
        alerts.send("release refused", reason="a text that this server does not like")
        await reached(lambda: len(box.texts) == 1)
    assert box.texts == ["#1: this server refused the text; see the alerts of the ledger"]


async def test_quiet_hours_let_only_critical_alerts_through(tmp_path: Path) -> None:
    settings, box = AlertSettings(quiet="23:00-07:00"), Mailbox()
    async with delivering(tmp_path, [box], settings, now=NIGHT) as (alerts, ledger):
        alerts.send("slippage", order="a")
        alerts.send("lease lost: no entries", why="b")
        await reached(lambda: len(box.texts) == 1)
        assert [one.title for one in ledger.outbox.waiting(5)] == ["slippage"]
    assert "lease lost" in box.texts[0]
    morning = NIGHT.replace(day=2, hour=7, minute=0)
    async with delivering(tmp_path, [box], settings, now=morning):
        await reached(lambda: len(box.texts) == 2)


async def test_below_the_level_an_alert_is_kept_and_not_sent(tmp_path: Path) -> None:
    box = Mailbox()
    async with delivering(tmp_path, [box], AlertSettings(level="critical")) as (alerts, ledger):
        alerts.send("slippage", order="a")
        alerts.send("symbol halted", symbol="BTCUSDT")
        await reached(lambda: len(box.texts) == 1)
        assert "symbol halted" in box.texts[0]
        assert ledger.outbox.waiting(5) == []
        assert ledger._db.execute("select count(*) from alerts").fetchone()[0] == 2


async def test_without_a_channel_alerts_are_stored_and_wait_for_nobody(tmp_path: Path) -> None:
    async with delivering(tmp_path, []) as (alerts, ledger):
        alerts.send("slippage", order="a")
        assert ledger.outbox.waiting(5) == []
        assert ledger._db.execute("select title from alerts").fetchone()[0] == "slippage"
        # The executor ends when one of its loops does.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(alerts.run(), 0.05)


async def test_repetitions_within_a_minute_are_one_message_with_their_number(
    tmp_path: Path,
) -> None:
    box = Mailbox("box", Answer.LATER)
    async with delivering(tmp_path, [box]) as (alerts, ledger):
        for number in range(1, 4):
            alerts.send("left out", symbol="BTCUSDT", why=f"reason {number}")
        for _ in range(2):
            alerts.send("symbol halted", symbol="BTCUSDT", reason="each is said")
        await reached(lambda: len(box.texts) == 3)
        alerts.send("left out", symbol="BTCUSDT", why="reason 4")
        await reached(lambda: len(ledger.outbox.waiting(5)) == 1)
        await asyncio.sleep(0)
    assert [text.split("\n")[0].split(",")[0] for text in box.texts] == [
        "🚨 **symbol halted** (#4",
        "🚨 **symbol halted** (#5",
        "⚠️ **left out** (#1–3 ×3",
    ]
    assert box.texts[2].endswith("reason 3")


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [1, 40])
async def test_after_a_day_without_a_server_all_alerts_come_as_digests_the_critical_ones_first(
    tmp_path: Path, kinds: int
) -> None:
    """5,000 alerts: within 15 minutes at the 30 messages a minute that Discord takes."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    before = (tmp_path / "ledger.sqlite").stat().st_size
    with ledger.atomic():
        for number in range(5_000):
            critical = number % 500 == 499
            title = "symbol halted" if critical else "slippage"
            fields = {"symbol": f"COIN{number % kinds}USDT", "share": "0.61 %"}
            level = AlertLevel.CRITICAL if critical else AlertLevel.WARNING
            ledger.outbox.add(number * 17_280, title, fields, level)
    ledger.close()
    box = Mailbox("box", *[Answer.LATER] * 3)
    async with delivering(tmp_path, [box]) as (_, ledger):
        async with asyncio.timeout(240):
            while ledger.outbox.waiting(1):
                await asyncio.sleep(0.02)
    assert (tmp_path / "ledger.sqlite").stat().st_size - before <= 5_000_000
    assert len(box.texts) <= 15 * 30
    found = numbers_of(box.texts)
    assert sorted(found) == list(range(1, 5_001)), "each once"
    assert set(found[:10]) == set(range(500, 5_001, 500)), "the critical ones first"


def numbers_of(texts: Sequence[str]) -> list[int]:
    """Return the numbers of the alerts in messages, in their order."""
    found: list[int] = []
    for first, last, count in re.findall(r"\(#(\d+)(?:–(\d+) ×(\d+))?", " ".join(texts)):
        found += range(int(first), int(last or first) + 1)
        assert not count or int(count) == int(last) - int(first) + 1
    return found


async def test_the_end_of_a_run_is_still_delivered(tmp_path: Path) -> None:
    box = Mailbox()
    async with delivering(tmp_path, [box]) as (alerts, _):
        alerts.send("executor stopped", mode="paper")
        await alerts.drain(5.0)
        assert len(box.texts) == 1


async def test_nobody_listens_and_the_url_stays_out_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with fake_discord() as discord:
        url = discord.url
    with caplog.at_level(logging.DEBUG):
        async with delivering(tmp_path, [DiscordChannel(url)]) as (alerts, ledger):
            alerts.send("not heard")
            await reached(lambda: "not delivered" in caplog.text)
            assert len(ledger.outbox.waiting(5)) == 1
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("executor")]
    assert "secret-token" not in " ".join(ours)


def test_an_address_of_apprise_is_a_channel_that_says_yes_or_no() -> None:
    with fake_discord() as server:
        host = server.url.removeprefix("http://").split("/")[0]
        channel = AppriseChannel(f"json://{host}/secret-token", "NOCTURNE_APPRISE_URLS")
        assert channel.name.startswith("json-")
        assert "secret" not in channel.name
        server.answers = [(500, {}, "")]
        assert channel.send("first").answer is Answer.LATER
        assert channel.send("**slippage** (#7, now)").accepted
    assert ["slippage" in text for text in server.accepted] == [True]


def test_an_apprise_url_of_an_unknown_kind_is_named_without_its_secret() -> None:
    with pytest.raises(SettingsError, match="kind 'nonsense'") as refused:
        AppriseChannel("nonsense://secret-token", "NOCTURNE_APPRISE_URLS")
    assert "secret-token" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "url", "sentence"),
    [
        ("NOCTURNE_WEBHOOK_URL", "http://example.com/hook", "must begin with https://"),
        ("NOCTURNE_WEBHOOK_URL", "discord", "is not a URL"),
        ("NOCTURNE_HEARTBEAT_URL", "http://example.com/x", "must begin with https://"),
        ("NOCTURNE_APPRISE_URLS", "tgram", "not a list of Apprise URLs"),
    ],
)
def test_an_address_that_would_leak_is_refused(
    tmp_path: Path, variable: str, url: str, sentence: str
) -> None:
    keys = {"NOCTURNE_BINANCE_KEY": "k", "NOCTURNE_BINANCE_SECRET": "s"}
    with pytest.raises(SettingsError, match=sentence):
        load_keys(tmp_path / "settings.toml", ONE_VENUE, {**keys, variable: url})


def test_every_address_is_masked_whole_and_by_its_secret_parts(tmp_path: Path) -> None:
    token = "123456789:AAabcdefghijklmnopqrstuvwxyz"
    known = {
        "NOCTURNE_BINANCE_KEY": "k",
        "NOCTURNE_BINANCE_SECRET": "s",
        "NOCTURNE_WEBHOOK_URL": "https://example.com/hook",
        "NOCTURNE_APPRISE_URLS": f"tgram://{token}/1 mailto://me:a,b@example.com",
    }
    keys = load_keys(tmp_path / "settings.toml", ONE_VENUE, known)
    assert len(keys.alerts.apprise) == 2
    assert {"https://example.com/hook", "AAabcdefghijklmnopqrstuvwxyz"} <= set(keys.texts())
    assert "example.com" not in repr(keys)
    assert token not in repr(keys)


async def test_entry_and_exit_alerts_have_their_fields_in_order(tmp_path: Path) -> None:
    venue = FakeVenue()
    notified = []
    async with executor_on(tmp_path, venue) as executor:
        for kind in (EventType.POSITION_OPENED, EventType.POSITION_CLOSED):
            executor.services.bus.subscribe(
                kind, "alerts", lambda e: notified.append(position_alert(e))
            )
        signal(executor)
        await settled(executor)
        signal(executor, action="exit")
        await settled(executor)
    assert notified[0] == (
        "🟢 position opened (breakout)",
        {
            "symbol": "BTCUSDT.binance_usdm",
            "side": "long",
            "entry price": "50000",
            "quantity": "0.02",
            "leverage": "5x",
            "stop / take-profit": "49000 / 52500",
        },
    )
    title, fields = notified[1]
    assert title == "🔴 position closed (breakout)"  # the fees of both orders
    assert json.dumps(list(fields)) == json.dumps(
        ["symbol", "side", "entry price", "exit price", "closed by", "move", "profit after fees"]
    )
    assert (fields["closed by"], fields["profit after fees"]) == ("strategy_exit", "-1.00 USDT")


def test_a_level_of_the_ledger_is_one_of_three() -> None:
    assert [int(level) for level in AlertLevel] == [0, 1, 2]


@pytest.mark.slow
def test_a_running_executor_sends_alerts_of_entries_and_exits(tmp_path: Path) -> None:
    with fake_discord() as discord:
        discord.answers = [(500, {}, "")]
        environment = {"NOCTURNE_WEBHOOK_URL": discord.url}
        replay = Replay(utc("2025-06-18T12:00"), 3.0)
        bench = Bench(tmp_path, replay, environment=environment)
        try:
            bench.finish()
            process = bench.start()  # delivers what the first run left
            until(
                "message of the exit",
                lambda: "closed by: take_profit" in str(discord.accepted),
                60,
            )
            process.terminate()
            process.wait(timeout=30)
        finally:
            bench.close()
    assert any("🟢 position opened (rsi_bollinger)" in text for text in discord.accepted)
    log = (tmp_path / "state" / "executor.log").read_text()
    assert "secret-token" not in log
