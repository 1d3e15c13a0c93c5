"""The key is changed while a position is open: its stop rests all the time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.executor.harness import DEADLINE_S, KEYS, Bench, Replay, assert_ledgers_agree
from tests.operations.open_position import (
    ONE_TRADE,
    run_until_protected,
    starts,
    stop_cleanly,
    stops_rest,
    unprotected_ms,
    wall_ms,
)
from tests.waiting import until

pytestmark = pytest.mark.slow

NEW = {
    "NOCTURNE_BINANCE_KEY": "second-key-of-the-account",
    "NOCTURNE_BINANCE_SECRET": "second-secret-of-the-account",
}
OLD_KEY = KEYS["NOCTURNE_BINANCE_KEY"]
REFUSED = "select path from requests where code in (-2014, -2015, -1022)"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A replay in which one position is opened and closed."""
    made = Bench(tmp_path, Replay(*ONE_TRADE))
    yield made
    made.close()


def test_a_key_is_replaced_with_an_open_position_and_no_moment_unprotected(bench: Bench) -> None:
    process, _ = run_until_protected(bench)
    protected = wall_ms()
    _make_key(bench)
    stop_cleanly(process)
    bench.set_environment(**NEW)
    assert stops_rest(bench)
    process = bench.start("--until-finished")
    # The old key ends while the new one is at work, as the runbook says.
    until("a second start", lambda: starts(bench) == 2, DEADLINE_S)
    bench.control("DELETE", "keys", key=OLD_KEY)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    _assert_closed_by_its_order(bench, protected)
    assert bench.exchange_rows(REFUSED) == []


def test_with_a_deleted_key_the_stop_rests_and_a_new_key_takes_over(bench: Bench) -> None:
    process, _ = run_until_protected(bench)
    protected = wall_ms()
    stop_cleanly(process)
    _make_key(bench)
    bench.control("DELETE", "keys", key=OLD_KEY)
    doctor = bench.nocturne("doctor", "--settings", str(bench.settings), "--json")
    line = {found["name"]: found for found in json.loads(doctor.stdout)}["key of binance_usdm"]
    assert line["verdict"] == "wrong"
    assert "make a key" in line["remedy"]
    refused = bench.start("--until-finished")
    _, errors = refused.communicate(timeout=DEADLINE_S)
    assert refused.returncode == 2
    assert "the exchange refused the start" in errors
    assert "Invalid API-key" in errors
    assert stops_rest(bench)
    bench.set_environment(**NEW)
    bench.finish()
    _assert_closed_by_its_order(bench, protected)


def _make_key(bench: Bench) -> None:
    key, secret = NEW.values()
    bench.control("POST", "keys", account="main", key=key, secret=secret)


def _assert_closed_by_its_order(bench: Bench, protected: int) -> None:
    bench.stop_sandbox()
    assert unprotected_ms(bench, protected) == 0
    assert bench.rows("select exit_reason from positions") == [{"exit_reason": "take_profit"}]
    assert_ledgers_agree(bench)
    log = (bench.folder / "state" / "executor.log").read_text(encoding="utf-8")
    assert [text for text in (*NEW.values(), *KEYS.values()) if text in log] == []
