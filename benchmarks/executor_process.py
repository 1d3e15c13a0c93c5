"""The executor as a process: its memory over a day, and how soon it protects again after a kill.

    python benchmarks/executor_process.py [--hours 24] [--restarts 9]

Ten instruments are replayed in lockstep. First a whole day at full speed: resident memory is read
twice a second, and what it grows by is taken between the medians of the second and the last quarter
of the day. Then, with a position in every instrument, the executor is killed (SIGKILL) and started
again several times in a row; the worst counts. Guarded: compared with the exchange, every stop
confirmed. Targets: 200 MiB, less than 1 MiB an hour, 60 times the speed of the market, 5 s to
guarded from the first line, 10 s from exec.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from _sandbox import START, resident_mib, served, status, write_walk
from _targets import Targets

from lake.releases import Candidate, FlowRun, StrategyEntry, publish
from trading.candles import DAY_MS, HOUR_MS
from trading.strategies.registry import get_strategy

SYMBOLS = [f"COIN{number}USDT" for number in range(10)]
WARM_UP_DAYS = 2
BEGIN = START + WARM_UP_DAYS * DAY_MS
SAMPLE_S = 0.5
RISING = 0.00003
"""Mean move a minute: every instrument breaks out within half a day, and none takes profit."""
LONGEST_S = 1_440.0
"""A day at 60 times the speed of the market."""
RESTART_WITHIN_S = 120.0
PARAMS: dict[str, float | int | str] = {
    "filters": "off",
    "k": 0.3,
    "take_profit": 0.2,
    "stop_loss": 0.2,
    "signal_tf": "15m",
}
T = TypeVar("T")
GUARDED, READY = re.compile(r"guarded in ([\d.]+) s"), re.compile(r"ready in ([\d.]+) s")


def release(root: Path) -> None:
    """Publish one strategy on every instrument."""
    as_of = datetime.fromtimestamp(BEGIN / 1000, UTC)
    params = get_strategy("breakout").resolve(PARAMS)
    candidate = Candidate(
        as_of=as_of,
        fingerprint=(),
        flow_run=FlowRun(id="run-1", name="nightly"),
        strategies=tuple(
            StrategyEntry(strategy="breakout", symbol=symbol, params=params) for symbol in SYMBOLS
        ),
        valid_for={"params": timedelta(days=7)},
    )
    publish(root, candidate, now=as_of)


def settings(folder: Path, url: str, name: str) -> Path:
    """Write the settings of a replay."""
    file = folder / f"{name}.toml"
    file.write_text(
        f'mode = "replay"\naccount = "benchmark"\n[venues.binance_usdm]\nrest_url = "{url}"\n'
        f'ws_url = "{url.replace("http", "ws")}"\nleverage = 3\n'
        f'[paths]\npublished = "published"\nstate = "{name}"\n[replay]\nclock_url = "{url}"\n'
        '[risk]\nmax_concurrent = 50\nmax_exposure = "20"\ndaily_loss_limit = "1"\n'
    )
    return file


@dataclass(frozen=True)
class Started:
    """An executor; what it says goes into a file, so that it never waits for a reader."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float
    """Monotonic time of its start."""

    def matched(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Find the first line of a kind."""
        return pattern.search(self.log.read_text(encoding="utf-8", errors="replace"))

    def wait(self, what: str, found: Callable[[], T | None], within_s: float, every_s: float) -> T:
        """Wait until ``found`` answers; exit where it does not in time, or the executor ends."""
        deadline = time.monotonic() + within_s
        while (answer := found()) is None:
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(
                    f"no {what} within {within_s:g} s; the executor's last lines:\n{self.tail}"
                )
            time.sleep(every_s)
        return answer

    @property
    def tail(self) -> str:
        """The end of what it said."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2_000:]

    def kill(self) -> None:
        """End it, as in a crash."""
        self.process.kill()
        self.process.wait(timeout=60)


def started(file: Path, log: Path, *options: str) -> Started:
    """Start an executor."""
    keys = {"NOCTURNE_BINANCE_KEY": "sandbox", "NOCTURNE_BINANCE_SECRET": "sandbox"}
    command = [sys.executable, "-m", "cli", "executor", "run", "--settings", str(file), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | keys
        )
    return Started(process, log, time.monotonic())


def day(folder: Path, url: str) -> tuple[list[tuple[int, float]], float]:
    """Run to the end; returns market times with resident MiB, and the wall seconds."""
    executor = started(settings(folder, url, "day"), folder / "day.log", "--until-finished")
    found: list[tuple[int, float]] = []
    try:
        while executor.process.poll() is None:
            if time.monotonic() - executor.began > LONGEST_S:
                sys.exit(f"the day took more than {LONGEST_S:g} s:\n{executor.tail}")
            with suppress(OSError):
                found.append((market_time(url), resident_mib(executor.process.pid)))
            time.sleep(SAMPLE_S)
    finally:
        executor.kill()
    if executor.process.returncode != 0:
        sys.exit(f"the executor failed:\n{executor.tail}")
    return found, time.monotonic() - executor.began


def market_time(url: str) -> int:
    """Return the sandbox's time (ms)."""
    return int(status(url)["market_time"])


def restarts(folder: Path, url: str, times: int) -> list[tuple[float, float, float]]:
    """Kill and start again with all positions open; seconds to guarded, from exec, to ready."""
    file, found = settings(folder, url, "restarts"), []
    ledger = folder / "restarts" / "ledger.sqlite"
    executor = started(file, folder / "restart-0.log", "--until-finished")
    try:
        executor.wait("position in each instrument", lambda: all_open(ledger), LONGEST_S, SAMPLE_S)
        for number in range(1, times + 1):
            executor.kill()
            executor = started(file, folder / f"restart-{number}.log", "--until-finished")
            guarded = executor.wait(
                "guard", partial(executor.matched, GUARDED), RESTART_WITHIN_S, 0.01
            )
            from_exec = time.monotonic() - executor.began
            ready = executor.wait(
                "readiness", partial(executor.matched, READY), RESTART_WITHIN_S, 0.01
            )
            found.append((float(guarded[1]), from_exec, float(ready[1])))
            if all_open(ledger) is None:
                sys.exit(f"positions were closed before restart {number + 1}")
    finally:
        executor.kill()
    return found


def all_open(ledger: Path) -> bool | None:
    """Answer True once every instrument has an open position with a confirmed stop."""
    if not ledger.exists():
        return None
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        try:
            (open_now,) = database.execute(
                "select count(*) from positions where status = 'open' and protected_at is not null"
            ).fetchone()
        except sqlite3.OperationalError:
            # The file exists before its tables.
            return None
    return True if open_now == len(SYMBOLS) else None


def main() -> None:
    """Take the figures and compare them with their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--restarts", type=int, default=9)
    options = parser.parse_args()
    targets = Targets()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        minutes = WARM_UP_DAYS * 1_440 + options.hours * 60
        write_walk(folder / "candles", SYMBOLS, minutes, RISING)
        release(folder / "published")
        begin = datetime.fromtimestamp(BEGIN / 1000, UTC).isoformat()
        span = ("--symbols", ",".join(SYMBOLS), "--clock", "lockstep", "--from", begin)
        money = ("--balance", "USDT=1000000")
        with served(folder / "candles", *span, *money) as (url, _):
            samples, seconds = day(folder, url)
        with served(folder / "candles", *span, *money) as (url, _):
            found = restarts(folder, url, options.restarts)
    quarter = options.hours / 4
    early, late = (
        median(mib for at, mib in samples if low <= (at - BEGIN) / HOUR_MS / quarter < low + 1)
        for low in (1, 3)
    )
    targets.at_least("speed, times the market's", options.hours * 3_600 / seconds, 60)
    targets.at_most("memory at most", max(mib for _, mib in samples), 200, "MiB")
    targets.below("memory growth", (late - early) / (2 * quarter), 1, "MiB an hour")
    guarded, from_exec, ready = (max(column) for column in zip(*found, strict=True))
    targets.at_most("kill to guarded, 10 positions", guarded, 5, "s")
    targets.at_most("the same from exec", from_exec, 10, "s")
    print(f"ready to enter: at most {ready:.2f} s, {options.restarts} restarts in a row")
    targets.finish()


if __name__ == "__main__":
    main()
