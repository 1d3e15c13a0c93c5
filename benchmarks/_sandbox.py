"""A sandbox in its own process: its candles, its server, its memory and processor time."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trading.candles import MINUTE_MS

START = 1_735_689_600_000  # 2025-01-01


def write_walk(folder: Path, symbols: list[str], minutes: int, drift: float = 0.0) -> None:
    """Write candles of a random walk with a fixed seed; ``drift`` is its mean move a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, symbol in enumerate(symbols):
        generator = np.random.default_rng(seed)
        close = np.round(50_000 * np.exp(np.cumsum(generator.normal(drift, 0.0004, minutes))), 1)
        opened = np.concatenate([[50_000.0], close[:-1]])
        spread = np.round(np.abs(generator.normal(0, 20, minutes)), 1)
        times = pa.array(START + np.arange(minutes) * MINUTE_MS, pa.timestamp("ms", "UTC"))
        table = {
            "open_time": times,
            "open": opened,
            "high": np.maximum(opened, close) + spread,
            "low": np.minimum(opened, close) - spread,
            "close": close,
            "volume": np.full(minutes, 25.0),
        }
        pq.write_table(pa.table(table), folder / f"{symbol}.parquet")


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Run a sandbox in its own process; yield its URL and process id."""
    command = [sys.executable, "-m", "cli", "sandbox", "serve", "--candles", str(folder)]
    command += ["--weight-limit", "1000000000", "--no-count-orders", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {0})
        try:
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def status(url: str) -> dict[str, Any]:
    """Return `GET /sandbox/status`."""
    with urllib.request.urlopen(f"{url}/sandbox/status", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process (MiB)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used (s)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def signed(method: str, ident: int, **params: str) -> str:
    """Return a signed call of a WebSocket API as JSON."""
    sent: dict[str, Any] = {"apiKey": "sandbox", **params}
    sent["timestamp"] = time.time_ns() // 1_000_000
    payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
    sent["signature"] = sign(payload)
    return json.dumps({"id": ident, "method": method, "params": sent})


def sign(payload: str) -> str:
    """Return the HMAC-SHA256 in hexadecimal."""
    return hmac.new(b"sandbox", payload.encode(), hashlib.sha256).hexdigest()
