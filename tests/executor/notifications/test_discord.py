"""Alerts over a webhook: a server on the loopback takes, limits and refuses them."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from aiohttp import web

from executor.bus.events import EventType
from executor.ledger.store import Ledger
from executor.notifications.alert_store import WaitingAlert
from executor.notifications.discord import LONGEST_MESSAGE, DiscordAlerts, fitting, message_of
from executor.operations.position_alerts import position_alert
from executor.runtime.masking import Masker
from executor.settings import load_keys
from executor.venues.binance.masking import masked
from tests.executor.fakes import FakeVenue, executor_on, settled, signal
from tests.executor.harness import Bench, Replay, utc
from tests.executor.test_settings import ONE_VENUE
from tests.waiting import until
from trading.errors import SettingsError

SECRET = "secret-of-an-api-key"


class Discord:
    """Answers as scripted, then with 200; keeps the messages it accepted."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], str]] = []
        self.asked = 0
        self.taken: list[str] = []
        self.arrived = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["allowed_mentions"] == {"parse": []}
        assert request.query["wait"] == "true"
        self.asked += 1
        status, headers, text = self.answers.pop(0) if self.answers else (200, {}, "{}")
        if status == 200:
            self.taken.append(body["content"])
        self.arrived.set()
        return web.Response(status=status, headers=headers, text=text)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Discord, str]]:
    discord = Discord()
    app = web.Application()
    app.router.add_post("/api/webhooks/1/token", discord.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield discord, f"http://127.0.0.1:{port}/api/webhooks/1/token"
    await runner.cleanup()


@asynccontextmanager
async def delivering(folder: Path, url: str) -> AsyncIterator[tuple[DiscordAlerts, Ledger]]:
    ledger = Ledger(folder / "ledger.sqlite")
    alerts = DiscordAlerts(url, ledger.outbox, lambda: 0, Masker([SECRET, url], masked))
    alerts.first_delay_s = 0.01
    task = asyncio.create_task(alerts.run())
    yield alerts, ledger
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ledger.close()


async def test_an_alert_arrives_with_its_number_and_without_secrets(tmp_path: Path) -> None:
    async with served() as (discord, url), delivering(tmp_path, url) as (alerts, ledger):
        alerts.send("API key", error=f"key {SECRET} at /fapi?signature=abcdef12&x=1")
        await discord.until(lambda: bool(discord.taken))
        assert discord.taken == [
            "**API key** (#1, 1970-01-01 00:00:00 UTC)\nerror: key *** at /fapi?signature=***&x=1"
        ]
        async with asyncio.timeout(5):
            while ledger.outbox.waiting(1):
                await asyncio.sleep(0)


async def test_a_rate_limit_is_waited_out_and_nothing_is_lost(tmp_path: Path) -> None:
    limited = (429, {"Content-Type": "application/json"}, '{"retry_after": 0.2}')
    last = (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.2"}, "{}")
    async with served() as (discord, url), delivering(tmp_path, url) as (alerts, _):
        discord.answers = [limited, last]
        begun = asyncio.get_running_loop().time()
        alerts.send("first")
        alerts.send("second")
        await discord.until(lambda: len(discord.taken) == 2)
        assert asyncio.get_running_loop().time() - begun >= 0.4
        assert discord.asked == 3


async def test_alerts_delayed_by_an_outage_or_a_crash_are_delivered_later(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.outbox.add(0, "before the crash", {})
    ledger.close()
    async with served() as (discord, url):
        discord.answers = [(500, {}, "<html>"), (404, {}, "unknown webhook")]
        async with delivering(tmp_path, url) as (alerts, _):
            alerts.send("after it")
            await discord.until(lambda: len(discord.taken) == 2)
    assert [text.split("**")[1] for text in discord.taken] == ["before the crash", "after it"]


async def test_nobody_listens_and_the_url_stays_out_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as (_, url):
        pass
    with caplog.at_level(logging.WARNING, "executor"):
        async with delivering(tmp_path, url) as (alerts, ledger):
            alerts.send("not heard")
            async with asyncio.timeout(5):
                while "not delivered" not in caplog.text:
                    await asyncio.sleep(0.01)
            assert len(ledger.outbox.waiting(5)) == 1
    assert "webhooks/1/token" not in caplog.text


def waiting(count: int, text: str = "x") -> list[WaitingAlert]:
    return [WaitingAlert(n, 0, "trouble", {"why": text}) for n in range(1, count + 1)]


def test_a_few_alerts_go_one_by_one_and_many_as_a_digest_that_fits() -> None:
    assert len(fitting(waiting(4))) == 1
    assert message_of(fitting(waiting(6))).startswith("6 alerts:\n**trouble** (#1")
    long = fitting(waiting(20, "y" * 300))
    assert 1 <= len(long) < 20
    assert len(message_of(long)) <= LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://example.com/hook", "must begin with https://"),
        ("discord", "is not a URL"),
    ],
)
def test_a_webhook_that_would_leak_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    keys = {"NOCTURNE_BINANCE_KEY": "k", "NOCTURNE_BINANCE_SECRET": "s"}
    with pytest.raises(SettingsError, match=sentence):
        load_keys(tmp_path / "settings.toml", ONE_VENUE, {**keys, "NOCTURNE_WEBHOOK_URL": url})
    good = load_keys(
        tmp_path / "settings.toml",
        ONE_VENUE,
        {**keys, "NOCTURNE_WEBHOOK_URL": "https://example.com/hook"},
    )
    assert "https://example.com/hook" in good.texts()
    assert "example.com" not in repr(good)


async def test_entry_and_exit_alerts_have_their_fields_in_order(tmp_path: Path) -> None:
    venue = FakeVenue()
    notified = []
    async with executor_on(tmp_path, venue) as executor:
        for kind in (EventType.POSITION_OPENED, EventType.POSITION_CLOSED):
            executor.services.bus.subscribe(
                kind, "alerts", lambda e: notified.append(position_alert(e, 5))
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


class Taker(BaseHTTPRequestHandler):
    """A webhook for a process: keeps the messages and refuses the first."""

    said: ClassVar[list[str]] = []
    asked: ClassVar[int] = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Taker.asked += 1
        if Taker.asked > 1:
            Taker.said.append(body["content"])
        self.send_response(500 if Taker.asked == 1 else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.mark.slow
def test_a_running_executor_sends_alerts_of_entries_and_exits(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/api/webhooks/1/secret-token"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOCTURNE_WEBHOOK_URL", url)
        bench = Bench(tmp_path, Replay(utc("2025-06-18T12:00"), 3.0))
    try:
        bench.finish()
        process = bench.start()  # delivers what the first run left
        until("message of the exit", lambda: "closed by: take_profit" in str(Taker.said), 60)
        process.terminate()
        process.wait(timeout=30)
    finally:
        bench.close()
        server.shutdown()
        server.server_close()
    assert any("🟢 position opened (rsi_bollinger)" in text for text in Taker.said)
    assert "secret-token" not in (tmp_path / "state" / "executor.log").read_text()
