"""The real executor against the real sandbox, both as processes, checked over both ledgers."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lake.releases import Candidate, FlowRun, StrategyEntry, publish
from tests.waiting import until
from trading.order_ids import parse_order_id
from trading.strategies.registry import get_strategy

ROOT = Path(__file__).parents[2]
CANDLES = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm"
KEYS = {
    "NOCTURNE_BINANCE_KEY": "test-key-of-the-harness",
    "NOCTURNE_BINANCE_SECRET": "test-secret-of-the-harness",
}
PARAMS = {"filters": "off", "take_profit": 0.01, "stop_loss": 0.01, "signal_tf": "15m"}
DEADLINE_S = 300.0
"""Of every wait: a busy machine may be several times slower than the last."""


def publish_release(root: Path, as_of: datetime, **changes: float | str) -> str:
    """A release of both strategies on both symbols; returns its id."""
    entries = []
    for name in ("breakout", "rsi_bollinger"):
        own = {"k": 0.3} if name == "breakout" else {}
        params = get_strategy(name).resolve({**PARAMS, **own, **changes})
        entries += [
            StrategyEntry(strategy=name, symbol=symbol, params=params)
            for symbol in ("BTCUSDT", "ETHUSDT")
        ]
    return publish_entries(root, as_of, entries)


def publish_entries(
    root: Path,
    as_of: datetime,
    entries: Sequence[StrategyEntry],
    valid_for: timedelta = timedelta(days=3),
) -> str:
    """A release of these strategies; returns its id."""
    candidate = Candidate(
        as_of=as_of,
        fingerprint=(),
        flow_run=FlowRun(id="run-1", name="nightly"),
        strategies=tuple(entries),
        valid_for={"params": valid_for},
    )
    return publish(root, candidate, now=as_of).release_id


def settings_text(
    url: str,
    *,
    lockstep: bool,
    extra: str = "",
    leverage: int = 5,
    venues: Sequence[str] = ("binance_usdm",),
    timeout_ms: int = 10_000,
) -> str:
    """Settings of a replay against a sandbox."""
    clock = f'[replay]\nclock_url = "{url}"\n' if lockstep else ""
    sections = "".join(
        f'[venues.{name}]\nrest_url = "{url}"\nws_url = "{url.replace("http", "ws")}"\n'
        f"leverage = {leverage}\nrequest_timeout_ms = {timeout_ms}\n"
        for name in venues
    )
    return (
        f'mode = "replay"\naccount = "test"\n{sections}'
        f'[paths]\npublished = "published"\nstate = "state"\n{clock}{extra}'
    )


@dataclass(frozen=True)
class Replay:
    """What a bench replays, and how."""

    begin: datetime
    hours: float
    extra: str = ""
    """Further lines of the executor's settings."""
    candles: Path = CANDLES
    entries: Sequence[StrategyEntry] = ()
    python_path: Sequence[Path] = ()
    valid_for: timedelta = timedelta(days=3)
    leverage: int = 5
    sandbox: Sequence[str] = ()
    """Further options of the sandbox."""
    venues: Sequence[str] = ("binance_usdm",)


class Bench:
    """One folder with a release, a sandbox that serves a span, and executors started on it."""

    def __init__(
        self, folder: Path, replay: Replay, environment: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        published, begin = folder / "published", replay.begin
        if replay.entries:
            self.release_id = publish_entries(published, begin, replay.entries, replay.valid_for)
        else:
            self.release_id = publish_release(published, begin)
        self.exchange_ledger = folder / "exchange.sqlite"
        self.ledger = folder / "state" / "ledger.sqlite"
        self.settings = folder / "settings.toml"
        paths = [str(path) for path in (ROOT, *replay.python_path)]
        self._environment = os.environ | KEYS | {"PYTHONPATH": os.pathsep.join(paths)}
        self._environment |= dict(environment or {})
        self._executors: list[subprocess.Popen[str]] = []
        self._killed_at: list[float] = []
        end = begin + timedelta(hours=replay.hours)
        symbols = ",".join(sorted(path.stem for path in replay.candles.glob("*.parquet")))
        self._sandbox = subprocess.Popen(
            [
                *_nocturne("sandbox", "serve", "--candles", str(replay.candles)),
                *("--symbols", symbols, "--clock", "lockstep"),
                *("--from", begin.isoformat(), "--to", end.isoformat()),
                *("--key", KEYS["NOCTURNE_BINANCE_KEY"]),
                *("--secret", KEYS["NOCTURNE_BINANCE_SECRET"]),
                *("--ledger", str(self.exchange_ledger)),
                *replay.sandbox,
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environment,
        )
        assert self._sandbox.stdout is not None
        line = self._sandbox.stdout.readline()
        found = re.match(r"listening on (http://\S+)", line)
        assert found, f"the sandbox said {line!r}"
        self.url = found[1]
        text = settings_text(
            self.url,
            lockstep=True,
            extra=replay.extra,
            leverage=replay.leverage,
            venues=replay.venues,
        )
        self.settings.write_text(text)

    @property
    def sandbox_pid(self) -> int:
        """The process of the sandbox."""
        return self._sandbox.pid

    def set_environment(self, **variables: str) -> None:
        """Set variables of the executors that start from now on."""
        self._environment |= variables

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start an executor and do not wait."""
        return self._spawn(_nocturne("executor", "run", "--settings", str(self.settings), *options))

    def run_module(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Start an executor by a module of the tests and do not wait."""
        return self._spawn([sys.executable, "-m", module, *arguments])

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environment,
        )
        self._executors.append(process)
        return process

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill an executor, as in a crash."""
        process.send_signal(signal.SIGKILL)
        self._killed_at.append(time.time() * 1000)
        process.wait(timeout=DEADLINE_S)

    def lives(self) -> list[tuple[float, float]]:
        """Wall times (ms) between which an executor was alive: its start and its kill."""
        starts = [
            row["wall_time"]
            for row in self.rows("select wall_time from events where type = 'system_started'")
        ]
        return [(s, min((k for k in self._killed_at if k > s), default=math.inf)) for s in starts]

    def dead_ms(self) -> int:
        """All wall time between two lives."""
        lives = sorted(self.lives())
        gaps = [start - end for (_, end), (start, _) in itertools.pairwise(lives)]
        return int(sum(gaps))

    def finish(self, deadline_s: float = DEADLINE_S) -> None:
        """Run an executor to the end of the replay."""
        process = self.start("--until-finished")
        _, errors = process.communicate(timeout=deadline_s)
        assert process.returncode == 0, errors

    def nocturne(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command."""
        return subprocess.run(
            _nocturne(*arguments),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            cwd=ROOT,
            env=self._environment,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """The sandbox's status."""
        with urllib.request.urlopen(f"{self.url}/sandbox/status", timeout=DEADLINE_S) as answer:
            body: dict[str, Any] = json.load(answer)
        return body

    def fault(self, **fault: object) -> None:
        """Inject a fault into the sandbox."""
        self.control("POST", "fault", **fault)

    def control(self, method: str, path: str, /, **body: object) -> None:
        """Send a command to the sandbox itself."""
        request = urllib.request.Request(
            f"{self.url}/sandbox/{path}", data=json.dumps(body).encode(), method=method
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            assert answer.status == 200

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Poll the sandbox until its status meets a condition."""
        until("such status of the sandbox", lambda: condition(self.status()), DEADLINE_S, 0.002)

    def close(self) -> None:
        """End every process that was started."""
        for process in [*self._executors, self._sandbox]:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=DEADLINE_S)

    def stop_sandbox(self) -> None:
        """End the sandbox, so that its ledger is complete."""
        self._sandbox.terminate()
        self._sandbox.wait(timeout=DEADLINE_S)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the executor's ledger."""
        return ledger_rows(self.ledger, sql)

    def written(self) -> int:
        """Events in the executor's ledger; 0 while there is none."""
        if not self.ledger.exists():
            return 0
        try:
            return int(self.rows("select count(*) as n from events")[0]["n"])
        except sqlite3.OperationalError:
            # The file exists before its tables.
            return 0

    def exchange_rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the sandbox's ledger."""
        return ledger_rows(self.exchange_ledger, sql)


def ledger_rows(path: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of a ledger, by their columns' names."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(sql)]
    finally:
        database.close()


def _nocturne(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from cli.main import main; main()", *arguments]


def utc(text: str) -> datetime:
    """A UTC time from ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def assert_ledgers_agree(bench: Bench) -> None:
    """No duplicate entry, no lost order or fill, equal positions: both ledgers joined."""
    accepted = bench.exchange_rows(
        "select distinct client_id, type from orders where execution = 'NEW' and algo_id = 0"
    )
    ours = {row["client_id"]: row for row in bench.rows("select * from orders")}
    lost = [row["client_id"] for row in accepted if row["client_id"] not in ours]
    assert lost == []
    entries = [parse_order_id(r["client_id"]) for r in accepted if "-en-" in r["client_id"]]
    keys = [entry.key for entry in entries]
    assert len(keys) == len(set(keys)), "a bar was entered twice"
    exchange_fills = {
        (row["symbol"], str(row["trade_id"])): Decimal(row["quantity"])
        for row in bench.exchange_rows("select symbol, trade_id, quantity from fills")
    }
    our_fills = {
        (row["symbol"], row["trade_id"]): Decimal(row["quantity"])
        for row in bench.rows("select symbol, trade_id, quantity from fills")
    }
    assert our_fills == exchange_fills
    held = {
        row["symbol"]: Decimal(row["quantity"]) * row["side"]
        for row in bench.rows("select * from positions where status in ('open', 'closing')")
    }
    at_exchange = _exchange_positions(bench)
    assert held == at_exchange


def _exchange_positions(bench: Bench) -> dict[str, Decimal]:
    last = bench.exchange_rows(
        "select symbol, amount from positions where seq in"
        " (select max(seq) from positions group by symbol)"
    )
    return {row["symbol"]: Decimal(row["amount"]) for row in last if Decimal(row["amount"]) != 0}


def assert_never_unprotected(bench: Bench, within_ms: int) -> None:
    """Every entry fill is followed by a resting stop, or a close, within a life's ``within_ms``.

    Wall time counts while an executor lives; each life may take that long.
    """
    entries = bench.exchange_rows(
        "select wall_ms, symbol, client_id from fills where cast(opened as real) > 0"
    )
    for entry in entries:
        covered = bench.exchange_rows(
            "select min(wall_ms) as at from ("
            " select wall_ms from algo_orders where status = 'NEW' and type = 'STOP_MARKET'"
            f" and symbol = '{entry['symbol']}' and wall_ms >= {entry['wall_ms']} union all"
            " select wall_ms from fills where cast(closed as real) > 0"
            f" and symbol = '{entry['symbol']}' and wall_ms >= {entry['wall_ms']})"
        )[0]["at"]
        assert covered is not None, f"{entry['client_id']} was never protected"
        for start, end in bench.lives():
            naked_ms = min(covered, end) - max(entry["wall_ms"], start)
            assert naked_ms <= within_ms, f"{entry['client_id']}: {naked_ms:.0f} ms without a stop"
