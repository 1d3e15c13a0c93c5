"""F11: a market stream that is mute or half open. The market moves only as the test says."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from executor.model import instrument_id
from tests.executor.harness import utc
from tests.faults.drill import TAKEN, VENUES, Drill, Stage, at, gaps, hold

STALE_S = 8.0
BEGIN = utc("2025-06-18T13:00")
ENTRY = utc("2025-06-18T13:15")
"""Candles close here that buy ETHUSDT at both venues."""
LATER = utc("2025-06-18T13:30")
ETH = [instrument_id("ETHUSDT", venue) for venue in VENUES]
BTC = [instrument_id("BTCUSDT", venue) for venue in VENUES]
FOR_EVER_MS = 10**12
DRILL = Drill(
    extra=f"[timing]\nreconcile_s = 5.0\nstale_s = {STALE_S}\n",
    begin=BEGIN,
    hours=1.25,
    clock="stepped",
    # The market jumps over minutes: wall time alone tells how long something was unprotected.
    within_market_ms=FOR_EVER_MS,
)


async def to_the_entry(stage: Stage) -> None:
    """Go on, a minute a step, until both positions are open and have their stops."""
    await walk(stage, await first_heard(stage), ENTRY)
    held = stage.executor.portfolio.holdings
    await stage.until("stops", lambda: [h.protected for h in held()] == [True, True])


async def first_heard(stage: Stage) -> datetime:
    """Go on until the executor, which has just started, hears the market; returns the moment."""
    feed, moment = stage.executor.feed, BEGIN
    await stage.until("a start", lambda: stage.executor.releases.current is not None)
    await stage.until("streams", lambda: feed.up)
    while feed.newest_event <= at(BEGIN):
        moment += timedelta(minutes=1)
        await stage.to(moment, heard=False)
        await asyncio.sleep(0.2)
    return moment


async def walk(stage: Stage, begin: datetime, end: datetime) -> None:
    """Go from one minute to the next."""
    while begin < end:
        begin += timedelta(minutes=1)
        await stage.to(begin)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mute_market", "half_open_market"])
async def test_f11_a_silent_market_stream_is_replaced_and_its_gap_is_filled(
    tmp_path: Path, kind: str
) -> None:
    async def act(stage: Stage) -> None:
        feed = stage.executor.feed
        await to_the_entry(stage)
        await stage.strike(kind)
        await stage.to(LATER, heard=False)
        await stage.until("silence is noticed", lambda: not any(map(feed.connected, [*ETH, *BTC])))
        assert not any(map(feed.fresh, [*ETH, *BTC])), "no entries on old prices"
        await stage.until("new streams", lambda: feed.up)
        await stage.to(LATER + timedelta(minutes=1))

    outcome = await hold(tmp_path, DRILL, act)
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
    assert gaps(outcome) == []


@pytest.mark.slow
async def test_f11_one_mute_symbol_is_not_entered_while_the_others_flow(tmp_path: Path) -> None:
    heard_again: list[int] = []

    async def act(stage: Stage) -> None:
        feed = stage.executor.feed
        await walk(stage, await first_heard(stage), ENTRY - timedelta(minutes=1))
        stage.begin("drop_market", path="^ethusdt@", count=10**6)
        moment = ENTRY
        while any(map(feed.fresh, ETH)):
            await stage.to(moment)
            moment += timedelta(minutes=1)
            await asyncio.sleep(STALE_S / 10)
        stage.calm()
        heard_again.append(at(moment))
        await walk(stage, moment, LATER)

    outcome = await hold(tmp_path, DRILL, act)
    assert outcome.violations() == []
    assert gaps(outcome) == []
    opened = outcome.rows("select opened_at from positions where symbol = 'ETHUSDT'")
    assert [row for row in opened if row["opened_at"] < heard_again[0]] == []
