"""Kill -9 against a hostile fake Discord: every alert arrives, with the number of its cause."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from executor.ledger.store import Ledger
from executor.notifications.delivery import AlertDelivery
from executor.notifications.discord import DiscordChannel
from executor.runtime.alert_settings import AlertSettings
from executor.runtime.masking import Masker
from tests.executor.harness import ROOT
from tests.executor.notifications.alert_writer import COUNTER
from tests.executor.notifications.hostile import FakeDiscord, fake_discord

LONGEST_LIFE_S = 0.25


def killed(folder: Path, discord: FakeDiscord, kills: int, seed: int) -> None:
    """Let a process write alerts, and kill it at random moments after its first alert."""
    rng = random.Random(seed)
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.executor.notifications.alert_writer", folder, discord.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "ready\n"
        for _ in range(kills):
            writer.stdin.write("\n")
            writer.stdin.flush()
            child = int(writer.stdout.readline())
            time.sleep(rng.uniform(0.0, LONGEST_LIFE_S))  # the moment of the kill is the test
            os.kill(child, signal.SIGKILL)
            assert writer.stdout.readline() == "gone\n"
    finally:
        writer.stdin.close()
        writer.wait(timeout=30)
        writer.stdout.close()


async def delivered_rest(folder: Path, url: str) -> None:
    """Deliver what the last run left."""
    ledger = Ledger(folder / "ledger.sqlite")
    alerts = AlertDelivery(
        [DiscordChannel(url)], ledger.outbox, AlertSettings(), lambda: 0, Masker()
    )
    alerts.first_delay_s = 0.01
    task = asyncio.create_task(alerts.run())
    async with asyncio.timeout(120):
        while ledger.outbox.waiting(1):
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ledger.close()


@pytest.mark.parametrize(
    "kills",
    [6, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
async def test_no_alert_is_lost_by_kills(tmp_path: Path, kills: int) -> None:
    with fake_discord(seed=kills) as discord:
        await asyncio.to_thread(killed, tmp_path, discord, kills, kills)
        await delivered_rest(tmp_path, discord.url)
        numbers = discord.numbers()
        refusals = discord.asked - len(discord.accepted)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        (causes,) = ledger.execute("select value from meta where name = ?", (COUNTER,)).fetchone()
        (alerts,) = ledger.execute("select count(*) from alerts").fetchone()
    assert int(causes) == alerts >= kills
    assert set(numbers) == set(range(1, alerts + 1))
    assert refusals > 0
