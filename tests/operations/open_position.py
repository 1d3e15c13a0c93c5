"""An executor that holds a protected position, and the proof that it always was protected."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.audit.protection import MARKET, WALL, margin_spans
from tests.executor.harness import DEADLINE_S, Bench, utc
from tests.waiting import until

ONE_TRADE = (utc("2025-06-18T12:00"), 3.0)
"""ETHUSDT is bought at 13:15 and reaches its take-profit at 14:03."""

HELD_AT = ONE_TRADE[0] + timedelta(minutes=80)


class HeldMarket:
    """Holds a replay at its begin, then at a later time, however fast it runs, until released.

    The sandbox gives up a stepper that is silent for 30 s beside an executor, or over a restart.
    """

    def __init__(self, bench: Bench) -> None:
        self._url = f"{bench.url}/sandbox/clock"
        self._stepper = self._post("register")["stepper"]

    def move_to(self, at: datetime) -> None:
        """Let the replay go on up to a time."""
        self._post("ack", stepper=self._stepper, time=int(at.timestamp() * 1000))

    def release(self) -> None:
        """Let the replay go on."""
        self._post("deregister", stepper=self._stepper)

    def _post(self, path: str, **body: object) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._url}/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


def run_until_protected(bench: Bench) -> tuple[subprocess.Popen[str], HeldMarket]:
    """Start an executor; it holds a position with a confirmed stop, and the market stands still."""
    # Held before the executor comes, or the market could run away from a slow test; moved after
    # it came, or the market would not wait for the executor.
    market = HeldMarket(bench)
    process = bench.start("--until-finished")
    bench.wait(lambda status: len(status["steppers"]) == 2)
    market.move_to(HELD_AT)
    until("a protected position", lambda: _protected(bench), DEADLINE_S)
    return process, market


def _protected(bench: Bench) -> bool:
    if not bench.written():
        return False
    rows = bench.rows("select protected_at from positions where status = 'open'")
    return [row["protected_at"] is not None for row in rows] == [True]


def starts(bench: Bench) -> int:
    """How often an executor has become ready."""
    log = bench.folder / "state" / "executor.log"
    return log.read_text(encoding="utf-8").count('"message":"ready in')


def stops_rest(bench: Bench) -> bool:
    """Whether stop and take-profit of the position rest at the exchange."""
    account = bench.status()["accounts"]["main"]
    return bool(account["positions"]) and account["open_algo_orders"] == 2


def stop_cleanly(process: subprocess.Popen[str]) -> None:
    """Stop an executor as systemd does."""
    process.terminate()
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors


def wall_ms() -> int:
    """The time of this machine, as the sandbox notes it."""
    return time.time_ns() // 1_000_000


def unprotected_ms(bench: Bench, protected: int) -> int:
    """How long the position of `ONE_TRADE` had no stop at the exchange, by either clock.

    Each clock counts up to the close: that of the wall from ``protected`` (ms), at which the stop
    rested; that of the market, which stands still over a restart, from `HELD_AT`.
    """
    tables: dict[str, list[Mapping[str, Any]]] = {
        name: list(bench.exchange_rows(f"select * from {name} order by seq"))
        for name in ("positions", "algo_orders")
    }
    closed = max(row[MARKET] for row in tables["positions"])
    # Position and stop end in one moment of the market, whose rows may differ by a millisecond.
    closing = (row[WALL] for rows in tables.values() for row in rows if row[MARKET] == closed)
    return _within(margin_spans(tables, WALL), protected, min(closing)) + _within(
        margin_spans(tables), int(HELD_AT.timestamp() * 1000), closed
    )


def _within(spans: Iterable[tuple[int, int]], begin: int, end: int) -> int:
    assert begin < end
    return sum(max(0, min(end, last) - max(begin, first)) for first, last in spans)
