"""Short and staged positions of the real executor at the real sandbox, both as processes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.releases import StrategyEntry
from tests.executor.harness import Bench, Replay, assert_ledgers_agree, assert_never_unprotected
from trading.strategies.registry import get_strategy

pytestmark = pytest.mark.usefixtures("toys")

BEGIN = datetime(2025, 1, 6, tzinfo=UTC)
RISK = "[risk]\nmax_position_share = 0.4\nbalance_share = 0.1\n"

SURGE = {13: 48_400.0, 15: 46_900.0, 18: 48_700.0, 20: 50_200.0, 22: 55_200.0, 26: 45_000.0}
"""Close of the minute, which stays until the next: down to both additions, back up, half, stop."""
SHORT = {"direction": -1, "stop_at": 0.01, "target_at": 0.02}
SURGE_LEGS = [
    ("en", None),
    ("d1", "add_first"),
    ("d2", "add_second"),
    ("px", "return_to_first"),
    ("px", "return_to_initial"),
    ("px", "half_close"),
    ("sl", None),
]


def write_candles(folder: Path, closes: dict[int, float], minutes: int = 30) -> Path:
    """One-minute candles of "BTCUSDT": two hours at 50,000, then ``closes`` by minute."""
    folder.mkdir()
    begin, close, rows = BEGIN - timedelta(hours=2), 50_000.0, []
    for minute in range(-120, minutes):
        opened, close = close, closes.get(minute, close)
        rows.append((BEGIN + timedelta(minutes=minute), opened, close))
    assert rows[0][0] == begin
    table = pa.table(
        {
            "open_time": pa.array([r[0] for r in rows], pa.timestamp("ms", tz="UTC")),
            "open": [r[1] for r in rows],
            "high": [max(r[1:]) for r in rows],
            "low": [min(r[1:]) for r in rows],
            "close": [r[2] for r in rows],
            "volume": [1_000.0] * len(rows),
        }
    )
    pq.write_table(table, folder / "BTCUSDT.parquet")
    return folder


def plugin(folder: Path) -> Path:
    """The tests' strategies as an installed distribution would declare them."""
    info = folder / "toys-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    names = ("ToyLevels", "ToyStaged", "ToyLadder")
    points = "\n".join(f"{name} = tests.executor.toy_strategies:{name}" for name in names)
    (info / "entry_points.txt").write_text(f"[nocturne.strategies]\n{points}\n")
    return folder


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    """Benches that end with the test."""
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.close()


def start(
    benches: list[Bench],
    folder: Path,
    strategy: str,
    closes: dict[int, float],
    valid_for: timedelta = timedelta(days=3),
    **params: float,
) -> Bench:
    folder.mkdir(exist_ok=True)
    values = get_strategy(strategy).resolve({"at": 10, "filters": "off", **params})
    bench = Bench(
        folder,
        Replay(
            BEGIN,
            0.5,
            extra=RISK,
            candles=write_candles(folder / "candles", closes),
            entries=[StrategyEntry(strategy=strategy, symbol="BTCUSDT", params=values)],
            python_path=[plugin(folder / "plugin")],
            valid_for=valid_for,
        ),
    )
    benches.append(bench)
    return bench


def traded(bench: Bench) -> list[tuple[str, str | None]]:
    """Leg and reason of every order that traded, in order."""
    rows = bench.rows(
        "select leg, reason from orders where cast(filled as real) > 0 order by"
        " (select min(cast(trade_id as integer)) from fills where fills.client_id ="
        " orders.client_id)"
    )
    return [(row["leg"], row["reason"]) for row in rows]


@pytest.mark.slow
def test_a_short_position_with_its_own_levels_reaches_its_target(
    benches: list[Bench], tmp_path: Path
) -> None:
    bench = start(benches, tmp_path, "toy_levels", {14: 49_500.0, 18: 48_900.0}, **SHORT)
    bench.finish()
    explained = bench.nocturne("why", "8000000001", "--ledger", str(bench.ledger))
    bench.stop_sandbox()
    entry = bench.exchange_rows("select side, type from orders where execution = 'NEW'")[0]
    assert entry == {"side": "SELL", "type": "MARKET"}
    levels = bench.exchange_rows(
        "select type, side, trigger_price, close_position from algo_orders where status = 'NEW'"
    )
    assert levels == [
        {"type": "STOP_MARKET", "side": "BUY", "trigger_price": "50500.0", "close_position": 1},
        {
            "type": "TAKE_PROFIT_MARKET",
            "side": "BUY",
            "trigger_price": "49000.0",
            "close_position": 1,
        },
    ]
    assert bench.rows("select side, exit_reason from positions") == [
        {"side": -1, "exit_reason": "take_profit"}
    ]
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)
    assert explained.returncode == 0, explained.stdout
    assert "levels of the signal: stop 50500, target 49000, confidence 0.8" in explained.stdout


@pytest.mark.slow
def test_a_short_position_is_stopped_above_its_entry(benches: list[Bench], tmp_path: Path) -> None:
    bench = start(benches, tmp_path, "toy_levels", {14: 50_600.0}, **SHORT)
    bench.finish()
    bench.stop_sandbox()
    assert bench.rows("select side, exit_reason from positions") == [
        {"side": -1, "exit_reason": "stop_loss"}
    ]
    assert_ledgers_agree(bench)


@pytest.mark.slow
def test_a_staged_position_lives_through_every_stage(benches: list[Bench], tmp_path: Path) -> None:
    bench = start(benches, tmp_path, "toy_staged", SURGE)
    bench.finish()
    half = bench.rows("select client_id from orders where reason = 'half_close'")[0]["client_id"]
    explained = bench.nocturne("why", half, "--ledger", str(bench.ledger), "--json")
    bench.stop_sandbox()
    assert traded(bench) == SURGE_LEGS
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)
    stages = bench.rows("select data from events where type = 'position_updated' order by id")
    assert [json.loads(row["data"])["stage"] for row in stages] == [
        "first",
        "second",
        "second_returned",
        "all_returned",
        "all_returned",
    ]
    reduce_only = bench.exchange_rows(
        "select distinct reduce_only from orders where client_id like '%-px-%'"
    )
    assert reduce_only == [{"reduce_only": 1}]
    assert explained.returncode == 0, explained.stdout
    assert json.loads(explained.stdout)["signal"]["data"]["strategy"] == "toy_staged"


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 22))]
)
def test_killed_between_stages_it_neither_doubles_nor_loses_one(
    benches: list[Bench], tmp_path: Path, seed: int
) -> None:
    bench = start(benches, tmp_path, "toy_staged", SURGE)
    rng = random.Random(seed)
    for orders in sorted(rng.sample(range(1, 7), 2)):
        process = bench.start("--until-finished")
        bench.wait(lambda s, n=orders: s["finished"] or s["accounts"]["main"]["orders"] >= n)
        bench.kill(process)
    bench.finish()
    bench.stop_sandbox()
    assert traded(bench) == SURGE_LEGS
    assert_ledgers_agree(bench)
    assert_never_unprotected(bench, within_ms=5_000)


@pytest.mark.slow
def test_an_expired_release_leaves_a_position_its_strategys_exit_after_a_restart(
    benches: list[Bench], tmp_path: Path
) -> None:
    valid = timedelta(minutes=12)
    bench = start(benches, tmp_path, "toy_staged", {}, valid_for=valid, exit_at=20)
    process = bench.start()
    expired = int((BEGIN + timedelta(minutes=13)).timestamp() * 1000)
    bench.wait(lambda s: s["market_time"] >= expired)
    bench.kill(process)
    bench.finish()
    bench.stop_sandbox()
    assert bench.rows("select type from events where type = 'release_refused'") != []
    (position,) = bench.rows("select exit_reason, closed_at from positions")
    assert position["exit_reason"] == "strategy_exit"
    assert position["closed_at"] - int(BEGIN.timestamp() * 1000) >= 21 * 60_000
    assert_ledgers_agree(bench)


@pytest.mark.slow
@pytest.mark.parametrize("orders", [2, 4, 5])
def test_a_ledger_lost_between_stages_is_rebuilt_from_the_orders_of_the_exchange(
    benches: list[Bench], tmp_path: Path, orders: int
) -> None:
    bench = start(benches, tmp_path, "toy_staged", SURGE)
    process = bench.start("--until-finished")
    bench.wait(lambda s: s["accounts"]["main"]["orders"] >= orders)
    bench.kill(process)
    for file in (bench.folder / "state").glob("ledger.sqlite*"):
        file.unlink()
    bench.finish()
    bench.stop_sandbox()
    assert traded(bench) == SURGE_LEGS
    assert_ledgers_agree(bench)


@pytest.mark.slow
def test_a_ledger_lost_with_a_short_position_keeps_its_own_levels(
    benches: list[Bench], tmp_path: Path
) -> None:
    bench = start(benches, tmp_path, "toy_levels", {14: 49_500.0, 18: 48_900.0}, **SHORT)
    process = bench.start("--until-finished")
    bench.wait(lambda s: s["accounts"]["main"]["open_algo_orders"] == 2)
    bench.kill(process)
    for file in (bench.folder / "state").glob("ledger.sqlite*"):
        file.unlink()
    bench.finish()
    bench.stop_sandbox()
    assert bench.rows(
        "select strategy, side, stop_price, target_price, exit_reason from positions"
    ) == [
        {
            "strategy": "toy_levels",
            "side": -1,
            "stop_price": 50_500.0,
            "target_price": 49_000.0,
            "exit_reason": "take_profit",
        }
    ]
    assert_ledgers_agree(bench)
