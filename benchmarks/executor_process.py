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
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from _sandbox import START, resident_mib, served, status, write_walk
from _targets import Targets

from lake.releases import Candidate, FlowRun, StrategyEntry, publish
from trading.candles import DAY_MS, HOUR_MS
from trading.strategies.registry import get_strategy

SYMBOLS = [f"COIN{number}USDT" for number in range(10)]
WARM_UP_DAYS = 2
BEGIN = START + WARM_UP_DAYS * DAY_MS
SAMPLE_S = 0.5
LONGEST_S = 1_800.0
PARAMS: dict[str, float | int | str] = {
    "filters": "off",
    "k": 0.3,
    "take_profit": 0.2,
    "stop_loss": 0.2,
    "signal_tf": "15m",
}
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


def started(file: Path, *options: str) -> subprocess.Popen[str]:
    """Start an executor."""
    keys = {"NOCTURNE_BINANCE_KEY": "sandbox", "NOCTURNE_BINANCE_SECRET": "sandbox"}
    command = [sys.executable, "-m", "cli", "executor", "run", "--settings", str(file), *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | keys)


def day(folder: Path, url: str) -> tuple[list[tuple[int, float]], float]:
    """Run to the end; returns market times with resident MiB, and the wall seconds."""
    process, began = started(settings(folder, url, "day"), "--until-finished"), time.monotonic()
    found: list[tuple[int, float]] = []
    with (folder / "day.log").open("w") as log:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        while process.poll() is None and time.monotonic() - began < LONGEST_S:
            log.write(process.stderr.read() or "")
            try:
                found.append((int(status(url)["market_time"]), resident_mib(process.pid)))
            except OSError:
                break
            time.sleep(SAMPLE_S)
    if process.wait(timeout=60) != 0:
        sys.exit(f"the executor failed: {(folder / 'day.log').read_text()[-2_000:]}")
    return found, time.monotonic() - began


def restarts(folder: Path, url: str, times: int) -> list[tuple[float, float, float]]:
    """Kill and start again with all positions open; seconds to guarded, to ready, from exec."""
    file = settings(folder, url, "restarts")
    process, found = started(file), []
    try:
        deadline = time.monotonic() + LONGEST_S
        while len(status(url)["accounts"]["main"]["positions"]) < len(SYMBOLS):
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit("the positions were not opened")
            time.sleep(SAMPLE_S)
        for _ in range(times):
            process.send_signal(signal.SIGKILL)
            process.communicate()
            began = time.monotonic()
            process = started(file)
            found.append(_until_ready(process, began))
    finally:
        process.kill()
        process.communicate()
    return found


def _until_ready(process: subprocess.Popen[str], began: float) -> tuple[float, float, float]:
    guarded = 0.0
    assert process.stderr is not None
    for line in process.stderr:
        if match := GUARDED.search(line):
            guarded = float(match[1])
        elif match := READY.search(line):
            return guarded, float(match[1]), time.monotonic() - began
    sys.exit("the executor ended before it was ready")


def main() -> None:
    """Take the figures and compare them with their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--restarts", type=int, default=9)
    options = parser.parse_args()
    targets = Targets()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_walk(folder / "candles", SYMBOLS, WARM_UP_DAYS * 1_440 + options.hours * 60)
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
    targets.at_most("kill to guarded, 10 positions", max(g for g, _, _ in found), 5, "s")
    targets.at_most("kill to ready", max(r for _, r, _ in found), 5, "s")
    targets.at_most("kill to ready, from exec", max(e for _, _, e in found), 10, "s")
    targets.finish()


if __name__ == "__main__":
    main()
