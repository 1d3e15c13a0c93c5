"""F26: a replayed day in which everything fails now and then, and what the process takes of it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from executor.runtime.alert_settings import WEBHOOK_VARIABLE
from tests.executor.harness import Bench, Replay, utc
from tests.faults.drill import STOPS, VENUES, at, entries
from tests.faults.kills import NOBODY, violations_of
from trading.candles import HOUR_MS, MINUTE_MS

WHOLE_DAY = (utc("2025-06-20T00:00"), 24.0)
ENDS_WITHIN_S = 1_440.0
"""24 hours at 60 times the speed of the market."""
SAMPLE_S = 0.5
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20

ANY_POST = {"method": "POST", "path": "/order|/algoOrder"}
FAULTS: Sequence[dict[str, Any]] = (
    # Requests: taken but not answered, never arrived, refused, late.
    {"kind": "drop_response", **ANY_POST},
    {"kind": "unknown_503", **ANY_POST},
    {"kind": "timeout_1007", **ANY_POST},
    {"kind": "garble_response", **ANY_POST},
    {"kind": "drop_request", **ANY_POST},
    {"kind": "lost_503", **ANY_POST},
    {"kind": "unavailable_503", **ANY_POST},
    {"kind": "throttled", **ANY_POST},
    {"kind": "rate_limit", "seconds": 1.0},
    {"kind": "reject", "method": "POST", "path": STOPS, "code": -2021},
    {"kind": "delay_response", "seconds": 0.5},
    # User events and candles: lost, twice, in another order, wrong.
    {"kind": "drop_user", "count": 3},
    {"kind": "duplicate_user", "count": 5},
    {"kind": "reorder_user", "count": 2},
    {"kind": "delay_user", "seconds": 0.3},
    {"kind": "duplicate_market", "count": 20},
    {"kind": "alter_market", "field": "k.c", "value": '"NaN"'},
    # Streams that end, and the exchange itself.
    {"kind": "disconnect_user"},
    {"kind": "disconnect_market"},
    {"kind": "expire_listen_key"},
    {"kind": "terminate_user"},
    {"kind": "server_shutdown", "seconds": 0.2},
    {"kind": "maintenance", "seconds": 1.0},
    {"kind": "restart", "seconds": 1.0},
    {"kind": "skew", "seconds": 3.0},
    {"kind": "skew", "seconds": -3.0},
    # Other hands, and stops that fail.
    {"kind": "foreign_cancel", "symbol": "ETHUSDT", "venue": "usdm"},
    {"kind": "foreign_cancel", "symbol": "ETHUSDT", "venue": "spot"},
    {"kind": "foreign_leverage", "symbol": "BTCUSDT", "leverage": 8},
    {"kind": "kill_child"},
)
"""All that a replay in lockstep meets without a difference that the audit has to name: a ban, a
proxy that repeats, foreign trades and rollbacks have drills of their own, a mute market has F11."""


@dataclass(frozen=True)
class Sample:
    """What the process took at a market time (ms)."""

    market_time: int
    memory: int
    """Resident bytes."""
    files: int
    threads: int


@dataclass
class Day:
    """What a day has shown."""

    samples: list[Sample] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    struck: int = 0
    positions: int = 0
    seconds: float = 0.0

    def of_hours(self, first: float, last: float) -> list[Sample]:
        """Samples between two hours after the beginning."""
        begin = self.samples[0].market_time
        return [
            sample
            for sample in self.samples
            if begin + first * HOUR_MS <= sample.market_time < begin + last * HOUR_MS
        ]


def schedule(seed: int, span: tuple[datetime, float], times: int) -> list[dict[str, Any]]:
    """Every kind of fault so many times, at random minutes of the span (its begin and hours)."""
    rng, begin = random.Random(seed), at(span[0])
    minutes = int(span[1] * 60)
    return [
        {**fault, "at": begin + rng.randrange(5, minutes - 5) * MINUTE_MS}
        for fault in FAULTS
        for _ in range(times)
    ]


def live_through(folder: Path, seed: int, span: tuple[datetime, float], times: int) -> Day:
    """Run an executor at both venues through a faulty span, and audit it."""
    both = ("--venue", "both", "--balance", "USDT=10000")
    settings = "[timing]\nreconcile_s = 5.0\n"
    replay = Replay(*span, extra=settings, entries=entries(), sandbox=both, venues=VENUES)
    day, bench = Day(), Bench(folder, replay, environment={WEBHOOK_VARIABLE: NOBODY})
    try:
        for fault in schedule(seed, span, times):
            bench.fault(**fault)
        begun = time.monotonic()
        process = bench.start("--until-finished")
        while process.poll() is None:
            assert time.monotonic() - begun < ENDS_WITHIN_S, "slower than 60 times the market"
            day.samples += sample_of(process.pid, int(bench.status()["market_time"]))
            time.sleep(SAMPLE_S)
        day.seconds = time.monotonic() - begun
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        day.struck = int(bench.status()["faults_struck"])
        bench.stop_sandbox()
        day.violations = violations_of(bench)
        day.positions = len(bench.rows("select 1 from positions where entry_price > 0"))
    finally:
        bench.close()
    return day


def sample_of(process: int, market_time: int) -> list[Sample]:
    """What a process takes now; nothing once it has ended."""
    place = Path(f"/proc/{process}")
    try:
        resident = int((place / "statm").read_text().split()[1])
        files = len(list((place / "fd").iterdir()))
        threads = len(list((place / "task").iterdir()))
    except OSError:
        return []
    return [Sample(market_time, resident * PAGE_BYTES, files, threads)]
