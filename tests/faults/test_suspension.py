"""F23 and F24: a second executor, a process that stands still, names that do not resolve."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest

from executor.bus.events import EventType
from executor.execution.order_manager import ENTRY_GOOD_FOR_S
from sandbox.audit.both_ledgers import audit_both
from tests.executor.harness import DEADLINE_S, Bench, Replay, utc
from tests.faults.drill import (
    ENTRIES,
    SOON,
    STOPS,
    TAKEN,
    VENUES,
    Drill,
    before_entry,
    entries,
    hold,
    while_open,
)
from tests.faults.kills import FOR_EVER_MS
from tests.faults.test_process import on_first
from tests.waiting import until

LOOK_UPS = 6
"""So many names do not resolve; the next does."""
SPAN = (utc("2025-06-18T12:00"), 3.0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    both = ("--venue", "both", "--balance", "USDT=10000")
    made = Bench(tmp_path, Replay(*SPAN, entries=entries(), sandbox=both, venues=VENUES))
    yield made
    made.close()


def violations(bench: Bench) -> list[str]:
    """What the audit finds; the market waits for the executor, so market time tells nothing."""
    bench.stop_sandbox()
    return list(audit_both(bench.exchange_ledger, bench.ledger, FOR_EVER_MS).violations)


@pytest.mark.slow
def test_f23_a_second_executor_of_the_account_ends_before_any_order(bench: Bench) -> None:
    first = bench.start()
    bench.wait(lambda status: status["accounts"]["main"]["positions"] != {})
    text = bench.settings.read_text()
    for name, why in (
        ("state", "an executor already runs"),
        ("elsewhere", f"another executor (process {first.pid}) trades this account"),
    ):
        other = bench.folder / f"{name}.toml"
        other.write_text(text.replace('state = "state"', f'state = "{name}"'))
        second = bench.nocturne("executor", "run", "--settings", str(other))
        assert (second.returncode, why in second.stderr) == (2, True), second.stderr
    bench.wait(lambda status: bool(status["finished"]))
    first.terminate()
    _, errors = first.communicate(timeout=DEADLINE_S)
    assert first.returncode == 0, errors
    assert len(bench.rows("select 1 from events where type = 'system_started'")) == 1
    assert violations(bench) == []


def _stands_still(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.slow
def test_f24_an_entry_decided_before_a_suspension_is_not_sent_after_it(bench: Bench) -> None:
    process = bench.run_module("tests.faults.suspended_executor", str(bench.settings))
    until("suspension", lambda: _stands_still(process.pid), DEADLINE_S)
    asleep = time.monotonic()
    until("end of it", lambda: time.monotonic() - asleep > ENTRY_GOOD_FOR_S + 1, DEADLINE_S, 0.5)
    process.send_signal(signal.SIGCONT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    held = bench.rows("select error from orders where error like 'not sent: %'")
    assert held, "every entry that was decided went out"
    assert all("s old" in row["error"] for row in held), held
    assert violations(bench) == []


@contextmanager
def unresolved(begun: Sequence[object], times: int) -> Iterator[list[str]]:
    """From its beginning on, so many look-ups of a name fail; yields the names."""
    lost: list[str] = []

    def failing(resolver: type[Any]) -> Any:
        resolve = resolver.resolve

        async def resolved(self: Any, host: str, *others: Any, **named: Any) -> Any:
            if begun and len(lost) < times:
                lost.append(host)
                raise OSError(-3, "Temporary failure in name resolution")
            return await resolve(self, host, *others, **named)

        return patch.object(resolver, "resolve", resolved)

    with (
        failing(aiohttp.ThreadedResolver),
        failing(aiohttp.AsyncResolver),
        patch("aiohttp.connector._DNSCacheTable.expired", lambda *_: True),
    ):
        yield lost


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EventType.SYSTEM_STARTED, EventType.POSITION_OPENED])
async def test_f24_while_no_name_resolves_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: EventType
) -> None:
    drill = Drill((while_open("disconnect_user"),), extra=SOON, host="localhost")
    with unresolved(on_first(monkeypatch, kind, lambda: None), LOOK_UPS) as lost:
        outcome = await hold(tmp_path, drill)
    assert 0 < len(lost) <= LOOK_UPS
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
@pytest.mark.parametrize("path", [ENTRIES, STOPS], ids=["entry", "stop"])
async def test_f24_an_answer_that_trickles_in_is_an_unknown_outcome(
    tmp_path: Path, path: str
) -> None:
    fault = before_entry("trickle_response", method="POST", path=path, count=2)
    outcome = await hold(tmp_path, Drill((fault,), extra=SOON, timeout_ms=1_000))
    assert outcome.struck == 2
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
