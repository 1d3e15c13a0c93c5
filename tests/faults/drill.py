"""A drill: the executor and the sandbox in one loop over their sockets, with a day's faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr

from executor.builder import Executor, build
from executor.main import _run
from executor.settings import ApiKey, Keys, load_settings
from lake.releases import StrategyEntry
from sandbox.audit.both_ledgers import audit_both
from sandbox.faults.injection import parse_fault
from sandbox.market.clock import SteppedClock
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.executor.harness import (
    CANDLES,
    PARAMS,
    ledger_rows,
    publish_entries,
    settings_text,
    utc,
)
from trading.candles import HOUR_MS, MINUTE_MS
from trading.strategies.registry import get_strategy

VENUES = ("binance_usdm", "binance_spot")
BEGIN = utc("2025-06-18T12:00")
"""ETHUSDT is bought at 13:15 and reaches its take-profit at 14:03, at both venues."""
BEFORE_ENTRY = utc("2025-06-18T13:14")
WHILE_OPEN = utc("2025-06-18T13:30")
PROTECTED_WITHIN_MS = 5_000
ENTRIES = r"/v[13]/order$"
"""Requests of market orders, as faults name them."""
STOPS = r"/algoOrder$|/orderList/oco$"
STAGE_DEADLINE_S = 60.0
SOON = "[timing]\nreconcile_s = 1.0\n"
"""Settings that compare with the exchange every second."""

Fault = Mapping[str, Any]


@dataclass(frozen=True)
class Drill:
    """The faults of a replayed span; each with ``at`` waits for its market time (ms)."""

    faults: Sequence[Fault] = ()
    extra: str = ""
    """Further lines of the executor's settings."""
    begin: datetime = BEGIN
    hours: float = 3.0
    seed: int = 1
    venues: Sequence[str] = VENUES
    clock: str = "lockstep"
    speed: float = 1.0
    within_wall_ms: int = PROTECTED_WITHIN_MS
    lives: int = 1
    """Executors, one after the other; all but the last are stopped by the test."""
    timeout_ms: int = 10_000
    """How long the executor waits for an answer."""
    host: str = "127.0.0.1"
    """The sandbox by another name of this machine."""
    within_market_ms: int = PROTECTED_WITHIN_MS


@dataclass(frozen=True)
class Outcome:
    """Both ledgers after a drill."""

    exchange: Path
    executor: Path
    struck: int
    """How often a fault hit."""
    within_wall_ms: int
    within_market_ms: int = PROTECTED_WITHIN_MS

    def violations(self) -> list[str]:
        """What the audit of both ledgers finds (I1 to I8)."""
        report = audit_both(
            self.exchange, self.executor, self.within_market_ms, self.within_wall_ms
        )
        banned = self.at_exchange("select count(*) as n from requests where status = 418")
        weights = [f"I8: {banned[0]['n']} requests were banned"] if banned[0]["n"] else []
        return [*report.violations, *weights]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the executor's ledger."""
        return ledger_rows(self.executor, sql)

    def at_exchange(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the exchange's ledger."""
        return ledger_rows(self.exchange, sql)

    def ends(self) -> dict[str, list[str]]:
        """Why the positions ended, by venue, in order."""
        rows = self.rows("select venue, exit_reason from positions where closed_at is not null")
        return {v: [r["exit_reason"] for r in rows if r["venue"] == v] for v in VENUES}

    def events(self, kind: str) -> list[str]:
        """The data of the executor's events of a type."""
        rows = self.rows(f"select data from events where type = '{kind}' order by id")
        return [str(row["data"]) for row in rows]


def gaps(outcome: Outcome) -> list[str]:
    """Where the received candles have a hole."""
    rows = outcome.rows(
        "select venue, symbol, open_time from received_candles order by venue, symbol, open_time"
    )
    return [
        f"{two['symbol']} at {two['venue']}: nothing after {one['open_time']}"
        for one, two in pairwise(rows)
        if one["venue"] == two["venue"]
        and one["symbol"] == two["symbol"]
        and two["open_time"] != one["open_time"] + MINUTE_MS
    ]


def ended(*reasons: str) -> dict[str, list[str]]:
    """These ends of positions, the same at every venue."""
    return {venue: list(reasons) for venue in VENUES}


TAKEN = ended("take_profit")
"""How the positions end where nothing is lost."""
STOPPED_FIRST = ended("stop_loss", "take_profit")


def at(moment: datetime) -> int:
    """A time in ms, as faults take it."""
    return int(moment.timestamp() * 1000)


def before_entry(kind: str, **settings: Any) -> Fault:
    """A fault that waits from a minute before the entries."""
    return {"kind": kind, "at": at(BEFORE_ENTRY), **settings}


def while_open(kind: str, **settings: Any) -> Fault:
    """A fault that strikes while both positions are open."""
    return {"kind": kind, "at": at(WHILE_OPEN), **settings}


def entries(venues: Sequence[str] = VENUES) -> list[StrategyEntry]:
    """Two strategies on both symbols at every venue."""
    return [
        StrategyEntry(
            strategy=name,
            symbol=symbol,
            params=get_strategy(name).resolve({**PARAMS, **own}),
            venue=venue,
        )
        for name, own in (("breakout", {"k": 0.3}), ("rsi_bollinger", {}))
        for symbol in ("BTCUSDT", "ETHUSDT")
        for venue in venues
    ]


class Stage:
    """A drill whose market stands still but where the test moves it (clock ``stepped``)."""

    def __init__(self, server: SandboxServer, executor: Executor) -> None:
        self.executor = executor
        self._server = server

    async def to(self, moment: datetime, *, heard: bool = True) -> None:
        """Move the market to this moment and, where it is heard, wait until it is handled."""
        clock = self._server.clock
        assert isinstance(clock, SteppedClock)
        await clock.advance(at(moment))
        if heard:
            await self.until("news", lambda: self.executor.feed.newest_event >= at(moment))
            await self.executor.services.activity.wait_idle()

    async def strike(self, kind: str, **settings: Any) -> None:
        """Make a fault happen now."""
        await self._server.incidents.inject(parse_fault({"kind": kind, **settings}))

    def begin(self, kind: str, **settings: Any) -> None:
        """Let a fault wait for what it hits."""
        self._server.venues.faults.add({"kind": kind, **settings})

    def calm(self) -> None:
        """End every fault."""
        self._server.venues.faults.clear()

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        end = asyncio.get_running_loop().time() + STAGE_DEADLINE_S
        while not condition():
            assert asyncio.get_running_loop().time() < end, f"no {what} in {STAGE_DEADLINE_S:g} s"
            await asyncio.sleep(0.01)


Act = Callable[[Stage], Awaitable[None]]


async def struck(folder: Path, *faults: Fault) -> Outcome:
    """Hold a drill with faults that must hit."""
    outcome = await hold(folder, Drill(faults, extra=SOON))
    assert outcome.struck > 0
    return outcome


async def hold(folder: Path, drill: Drill, act: Act | None = None) -> Outcome:
    """Replay the drill's span to its end; with ``act``, which moves the market, from there on."""
    begin = at(drill.begin)
    publish_entries(folder / "published", drill.begin, entries(drill.venues))
    exchange = folder / "exchange.sqlite"
    server = SandboxServer(
        SandboxSettings(
            candles=CANDLES,
            venue="both" if len(drill.venues) > 1 else drill.venues[0].removeprefix("binance_"),
            begin=begin,
            end=begin + int(drill.hours * HOUR_MS),
            clock=drill.clock,
            speed=drill.speed,
            seed=drill.seed,
            symbols=("BTCUSDT", "ETHUSDT"),
            balances={"USDT": Decimal(10_000)},
            ledger=exchange,
        )
    )
    server.venues.faults.reseed(drill.seed)
    for fault in drill.faults:
        server.venues.faults.add(fault)
    try:
        url = (await server.start()).replace("127.0.0.1", drill.host)
        for _ in range(drill.lives):
            if act is None:
                await _trade(folder, drill, url)
            else:
                await _act(folder, drill, url, server, act)
    finally:
        await server.stop()
    return Outcome(
        exchange,
        folder / "state" / "ledger.sqlite",
        server.venues.faults.injected,
        drill.within_wall_ms,
        drill.within_market_ms,
    )


async def _act(folder: Path, drill: Drill, url: str, server: SandboxServer, act: Act) -> None:
    """Trade while ``act`` moves the market, and then to the end."""
    built: asyncio.Future[Executor] = asyncio.get_running_loop().create_future()

    def noted(*parts: Any) -> Executor:
        executor = build(*parts)
        built.set_result(executor)
        return executor

    with patch("executor.main.build", noted):
        trading = asyncio.create_task(_trade(folder, drill, url))
        try:
            stage = Stage(server, await built)
            await act(stage)
            await stage.to(drill.begin + timedelta(hours=drill.hours), heard=False)
            await trading
        finally:
            trading.cancel()
            await asyncio.gather(trading, return_exceptions=True)


async def _trade(folder: Path, drill: Drill, url: str) -> None:
    file = folder / "settings.toml"
    file.write_text(
        settings_text(
            url,
            lockstep=drill.clock == "lockstep",
            extra=drill.extra,
            venues=drill.venues,
            timeout_ms=drill.timeout_ms,
        )
    )
    (folder / "state").mkdir(exist_ok=True)
    key = ApiKey(SecretStr("sandbox"), SecretStr("sandbox"))
    keys = Keys(dict.fromkeys(drill.venues, key))
    async with asyncio.timeout(100):
        await _run(load_settings(file), file, keys, until_finished=True)
