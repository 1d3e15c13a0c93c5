"""F1: the executor killed in a window, started again, and both ledgers audited."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from executor.ledger.postgres import read_copy
from executor.runtime.alert_settings import WEBHOOK_VARIABLE
from sandbox.audit.both_ledgers import audit_both
from tests.executor.harness import DEADLINE_S, Bench, Replay, utc
from tests.faults.drill import VENUES, entries
from tests.faults.traced_executor import open_windows

BUSY = (utc("2025-06-20T14:00"), 5.0)
"""Both symbols are bought at 14:45 and stopped out; ETHUSDT is bought twice more."""
KILLED = -9
NOBODY = "http://127.0.0.1:9/"
"""A webhook that never answers: the alerts stay in the ledger and can be counted."""
PROTECTED_WITHIN_MS = 5_000
FOR_EVER_MS = 10**12


@dataclass
class Kills:
    """What a campaign has shown."""

    windows: Counter[str] = field(default_factory=Counter)
    """Kills by the window that the trace left open."""
    elsewhere: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All kills."""
        return sum(self.windows.values()) + self.elsewhere


def kill_in(
    folder: Path, windows: Sequence[str], seed: int, kills: Kills, ledger_url: str | None = None
) -> None:
    """Kill an executor once in each of these windows, run it to the end, and audit.

    Its ledger is a file, or in the database of ``ledger_url``.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    replay = Replay(
        *BUSY,
        extra=f'[ledger]\nurl = "{ledger_url}"\n' if ledger_url else "",
        entries=entries(),
        sandbox=("--venue", "both", "--balance", "USDT=10000"),
        venues=VENUES,
    )
    bench = Bench(folder, replay, environment={WEBHOOK_VARIABLE: NOBODY})
    try:
        for number, window in enumerate(windows):
            trace = folder / f"trace-{number}"
            process = bench.run_module(
                "tests.faults.traced_executor",
                *(str(bench.settings), window, str(rng.randrange(10**6)), str(trace)),
            )
            _, errors = process.communicate(timeout=DEADLINE_S)
            if process.returncode == 0:
                # The replay ended before the window opened so often.
                break
            assert process.returncode == KILLED, errors
            if window in open_windows(trace):
                kills.windows[window] += 1
            else:
                kills.elsewhere += 1
        bench.finish()
        bench.stop_sandbox()
        if ledger_url:
            _copy_ledger(ledger_url, bench.ledger)
        found = violations_of(bench)
    finally:
        bench.close()
    kills.violations += [f"seed {seed} ({', '.join(windows)}): {text}" for text in found]


def _copy_ledger(url: str, file: Path) -> None:
    """Write the ledger of a database as a file, which the audit reads."""
    assert not file.exists(), "the ledger was to be in the database"
    with closing(read_copy(url, None, None)) as copy, closing(sqlite3.connect(file)) as written:
        copy.backup(written)


def violations_of(bench: Bench) -> list[str]:
    """What both ledgers, and the alerts of its positions, say against a run in lockstep."""
    # The market waits in lockstep while no executor lives: wall time alone tells.
    report = audit_both(
        bench.exchange_ledger, bench.ledger, FOR_EVER_MS, within_wall_ms=PROTECTED_WITHIN_MS
    )
    found = list(report.violations)
    alerts = {
        word: bench.rows(f"select count(*) as n from alerts where title like '%position {word}%'")
        for word in ("opened", "closed")
    }
    positions = bench.rows(
        "select count(*) as opened, count(closed_at) as closed from positions where entry_price > 0"
    )[0]
    found += [
        f"{rows[0]['n']} alerts of {positions[word]} positions {word}"
        for word, rows in alerts.items()
        if rows[0]["n"] != positions[word]
    ]
    if bench.rows("pragma integrity_check") != [{"integrity_check": "ok"}]:
        found.append("the ledger is damaged")
    return found
