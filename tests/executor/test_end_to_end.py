"""The executor against the sandbox, both as processes; the exchange's ledger decides."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.executor.harness import (
    DEADLINE_S,
    Bench,
    Replay,
    assert_ledgers_agree,
    assert_never_unprotected,
    utc,
)
from tests.waiting import until

ONE_TRADE = (utc("2025-06-18T12:00"), 3.0)
"""ETHUSDT is bought at 13:15 and reaches its take-profit at 14:03."""
BUSY = (utc("2025-06-20T14:00"), 5.0)
"""Both symbols are bought at 14:45 and stopped out; ETHUSDT is bought twice more."""

UNKNOWN = ("unknown_503", "timeout_1007")

Make = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Make]:
    """Benches that end with the test."""
    benches: list[Bench] = []

    def make(span: tuple[datetime, float], extra: str = "") -> Bench:
        bench = Bench(tmp_path, Replay(*span, extra=extra))
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


def test_an_entry_is_protected_at_the_exchange_and_can_be_explained(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    bench.finish()
    explained = bench.nocturne("why", "8000000001", "--ledger", str(bench.ledger), "--json")
    bench.stop_sandbox()

    orders = bench.exchange_rows("select * from orders where execution = 'NEW' order by seq")
    entry = orders[0]["client_id"]
    assert entry.startswith(f"n1-{bench.release_id[-8:]}-")
    assert "-en-00" in entry
    stops = bench.exchange_rows("select * from algo_orders where type = 'STOP_MARKET'")
    assert stops[0]["status"] == "NEW"
    assert stops[0]["close_position"] == 1
    assert stops[0]["trigger_price"] == "2457.15"  # 2481.97 × 0.99, on the tick
    assert bench.rows("select exit_reason from positions") == [{"exit_reason": "take_profit"}]
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)

    assert explained.returncode == 0, explained.stderr
    report = json.loads(explained.stdout)
    assert report["order"]["client_id"] == entry
    assert report["release"]["release_id"] == bench.release_id
    assert report["flow_run"] == {"id": "run-1", "name": "nightly"}
    assert [event["type"] for event in report["because"]] == [
        "order_intent",
        "signal_generated",
        "candle_closed",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_a_random_moment_it_neither_doubles_nor_loses(
    make_bench: Make, seed: int
) -> None:
    _kill_and_restart(make_bench(BUSY), random.Random(seed), kills=2)


def _kill_and_restart(bench: Bench, rng: random.Random, kills: int) -> None:
    for number in range(kills):
        process = bench.start("--until-finished")
        orders = rng.randint(number, 2 * number + 2)
        more = rng.choice((0, 1, 3, 8))
        bench.wait(lambda s, n=orders: s["finished"] or s["accounts"]["main"]["orders"] >= n)
        written = bench.written() + more
        bench.wait(lambda s, n=written: s["finished"] or bench.written() >= n)
        bench.kill(process)
    bench.finish()
    bench.stop_sandbox()
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)
    assert bench.rows("pragma integrity_check") == [{"integrity_check": "ok"}]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop_response", *UNKNOWN])
def test_an_entry_that_is_accepted_but_not_answered_is_adopted(make_bench: Make, kind: str) -> None:
    bench = make_bench(ONE_TRADE)
    bench.fault(kind=kind, method="POST", path="/fapi/v1/order$")
    bench.finish()
    bench.stop_sandbox()
    entries = bench.exchange_rows(
        "select distinct order_id from orders where client_id like '%-en-%'"
    )
    assert len(entries) == 1
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)


@pytest.mark.slow
def test_an_entry_that_never_arrived_is_sent_once_more_with_the_next_number(
    make_bench: Make,
) -> None:
    bench = make_bench(ONE_TRADE)
    bench.fault(kind="drop_request", method="POST", path="/fapi/v1/order$")
    bench.finish()
    bench.stop_sandbox()
    statuses = bench.rows(
        "select n, status from orders where leg = 'en' and key in"
        " (select key from orders where status = 'dead') order by n"
    )
    assert statuses == [{"n": 0, "status": "dead"}, {"n": 1, "status": "filled"}]
    assert_ledgers_agree(bench)


@pytest.mark.slow
def test_a_stop_that_would_trigger_at_once_closes_the_position(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    bench.fault(kind="reject", method="POST", path="/fapi/v1/algoOrder$", code=-2021)
    bench.finish()
    bench.stop_sandbox()
    first = bench.rows("select exit_reason from positions where id = 1")
    assert first == [{"exit_reason": "stop_loss"}]
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=2_000)


@pytest.mark.slow
def test_a_stop_that_cannot_be_placed_ends_in_a_close_within_its_time(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE, extra="[protection]\nconfirm_within_s = 2.0\n")
    bench.fault(kind="reject", method="POST", path="/fapi/v1/algoOrder$", code=-4005, count=1000)
    bench.finish()
    bench.stop_sandbox()
    first = bench.rows("select exit_reason from positions where id = 1")
    assert first == [{"exit_reason": "unprotected"}]
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=4_000)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["disconnect_user", "expire_listen_key", "mute_user"])
def test_a_broken_user_stream_loses_no_fill(make_bench: Make, kind: str) -> None:
    bench = make_bench(ONE_TRADE, extra="[timing]\nreconcile_s = 0.5\n")
    process = bench.start("--until-finished")
    bench.wait(lambda s: s["steps"] >= 20)
    bench.fault(kind=kind, seconds=2.0)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    bench.stop_sandbox()
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)


@pytest.mark.slow
def test_a_silent_user_stream_is_connected_again(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start("--until-finished")
    bench.wait(lambda s: s["steps"] >= 20)
    bench.fault(kind="mute_user", seconds=600.0)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    bench.stop_sandbox()
    renewed = bench.rows("select data from events where type = 'ws_reconnecting'")
    assert json.loads(renewed[0]["data"])["reason"].startswith("it did not report the end of n1-")
    assert len(bench.rows("select 1 from events where type = 'ws_connected'")) >= 3
    assert_ledgers_agree(bench)


@pytest.mark.slow
def test_a_gap_of_the_market_stream_is_filled(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start("--until-finished")
    bench.wait(lambda s: s["steps"] >= 20)
    bench.fault(kind="disconnect_market")
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    bench.stop_sandbox()
    assert_ledgers_agree(bench)
    downs = bench.rows("select * from events where type = 'ws_disconnected'")
    assert downs != []


def test_sigterm_stops_cleanly_and_leaves_the_stop_at_the_exchange(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start()
    bench.wait(lambda s: s["accounts"]["main"]["open_algo_orders"] == 2)
    process.terminate()
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    resting = bench.status()["accounts"]["main"]
    assert resting["open_algo_orders"] == 2
    assert resting["positions"] != {}
    assert json.loads((bench.folder / "state" / "status.json").read_text())["status"] == "stopped"
    assert bench.rows("select type from events order by id desc limit 1") == [
        {"type": "system_stopped"}
    ]


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["positions", "nothing"])
def test_ctrl_c_stops_cleanly_with_status_130_and_no_traceback(
    make_bench: Make, condition: str
) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start()
    if condition == "positions":
        bench.wait(lambda s: s["accounts"]["main"]["open_algo_orders"] == 2)
    else:
        bench.wait(lambda _: bench.ledger.exists())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert errors == "Stopped by Ctrl-C; protective orders stay at the exchange.\n"
    if condition == "positions":
        assert bench.status()["accounts"]["main"]["open_algo_orders"] == 2
    last = bench.rows("select type from events order by id desc limit 1")
    assert last in ([], [{"type": "system_stopped"}])


@pytest.mark.slow
def test_a_lost_ledger_is_rebuilt_from_the_ids_of_the_orders(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start("--until-finished")
    bench.wait(lambda s: s["accounts"]["main"]["open_algo_orders"] == 2)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    for file in (bench.folder / "state").glob("ledger.sqlite*"):
        file.unlink()
    bench.finish()
    bench.stop_sandbox()
    rows = bench.rows("select strategy, release_id, exit_reason from positions")
    assert rows == [
        {
            "strategy": "rsi_bollinger",
            "release_id": bench.release_id,
            "exit_reason": "take_profit",
        }
    ]
    assert_ledgers_agree(bench)


@pytest.mark.slow
def test_flatten_closes_everything_and_says_so(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start()
    bench.wait(lambda s: s["accounts"]["main"]["open_algo_orders"] == 2)
    answer = bench.nocturne("executor", "flatten", "--settings", str(bench.settings))
    assert json.loads(answer.stdout) == {"flat": True, "positions": []}
    process.terminate()
    process.communicate(timeout=DEADLINE_S)
    account = bench.status()["accounts"]["main"]
    assert (account["positions"], account["open_algo_orders"]) == ({}, 0)


@pytest.mark.slow
def test_a_tampered_release_is_refused_and_nothing_is_traded(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    params = bench.folder / "published" / "releases" / bench.release_id / "params.json"
    params.write_bytes(params.read_bytes().replace(b"0.01", b"0.02", 1))
    process = bench.start()
    sql = "select data from events where type = 'release_refused'"
    until("refusal", lambda: bench.written() and bench.rows(sql), DEADLINE_S)
    process.terminate()
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    refused = bench.rows("select data from events where type = 'release_refused'")
    assert "changed after it was published" in json.loads(refused[0]["data"])["reason"]
    assert bench.rows("select * from orders") == []


@pytest.mark.slow
def test_a_second_executor_ends_before_any_order(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    first = bench.start()
    bench.wait(lambda s: s["steps"] >= 1)
    second = bench.start()
    _, errors = second.communicate(timeout=DEADLINE_S)
    assert second.returncode == 2
    assert "an executor already runs" in errors
    assert first.poll() is None


@pytest.mark.slow
def test_a_second_executor_on_the_account_ends_whatever_its_state_folder(
    make_bench: Make,
) -> None:
    bench = make_bench(ONE_TRADE)
    first = bench.start()
    bench.wait(lambda s: s["steps"] >= 1)
    other = bench.folder / "other.toml"
    other.write_text(bench.settings.read_text().replace('state = "state"', 'state = "elsewhere"'))
    second = bench.nocturne("executor", "run", "--settings", str(other))
    assert second.returncode == 2
    assert f"another executor (process {first.pid}) trades this account" in second.stderr
    assert first.poll() is None
    assert not (bench.folder / "elsewhere" / "ledger.sqlite").exists()


@pytest.mark.slow
def test_control_commands_answer_and_stop_ends_it(make_bench: Make) -> None:
    bench = make_bench(ONE_TRADE)
    process = bench.start()
    bench.wait(lambda s: s["accounts"]["main"]["positions"] != {})
    settings = ("--settings", str(bench.settings))
    status = json.loads(bench.nocturne("executor", "status", *settings).stdout)
    assert status["release"] == bench.release_id
    assert json.loads(bench.nocturne("executor", "stop", "--json", *settings).stdout) == {
        "status": "stopping"
    }
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
