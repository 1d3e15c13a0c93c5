"""USDⓈ-M and spot in one executor, against the sandbox that serves both."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from lake.releases import StrategyEntry
from sandbox.audit.both_ledgers import audit_both
from tests.executor.harness import PARAMS, Bench, Replay, utc
from trading.strategies.registry import get_strategy

VENUES = ("binance_usdm", "binance_spot")
BOTH = ("--venue", "both", "--balance", "USDT=10000")
SPAN = (utc("2025-06-18T12:00"), 3.0)
"""ETHUSDT is bought at 13:15 and reaches its take-profit at 14:03."""
BUSY = (utc("2025-06-20T14:00"), 5.0)
"""Both symbols are bought at 14:45 and stopped out; ETHUSDT is bought twice more."""

Make = Callable[..., Bench]


def entries(**changes: float | str) -> list[StrategyEntry]:
    """Both strategies on both symbols at both venues."""
    found = []
    for name in ("breakout", "rsi_bollinger"):
        own = {"k": 0.3} if name == "breakout" else {}
        params = get_strategy(name).resolve({**PARAMS, **own, **changes})
        found += [
            StrategyEntry(strategy=name, symbol=symbol, params=params, venue=venue)
            for symbol in ("BTCUSDT", "ETHUSDT")
            for venue in VENUES
        ]
    return found


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Make]:
    """Benches with both venues that end with the test."""
    benches: list[Bench] = []

    def make(span: tuple[object, float], traded: Sequence[StrategyEntry] = ()) -> Bench:
        replay = Replay(*span, entries=traded or entries(), sandbox=BOTH, venues=VENUES)
        bench = Bench(tmp_path, replay)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


def test_both_venues_enter_protect_and_exit_in_one_executor(make_bench: Make) -> None:
    bench = make_bench(SPAN)
    bench.finish()
    bench.stop_sandbox()

    closed = bench.rows("select venue, symbol, exit_reason from positions order by venue")
    assert closed == [
        {"venue": venue, "symbol": "ETHUSDT", "exit_reason": "take_profit"}
        for venue in sorted(VENUES)
    ]
    assert audit_both(bench.exchange_ledger, bench.ledger).violations == []
    # On spot, stop and target rest as one pair, and the fee came out of what was bought.
    legs = bench.rows("select leg, parent from orders where venue = 'binance_spot' and leg <> 'en'")
    assert {row["leg"] for row in legs} == {"sl", "tp"}
    assert len({row["parent"] for row in legs}) == 1
    (bought,) = bench.rows(
        "select quantity, fee, fee_asset, fee_base, fee_quote, price from fills"
        " where venue = 'binance_spot' and side = 'BUY'"
    )
    assert bought["fee_asset"] == "ETH"
    assert bought["fee_base"] == bought["fee"]
    assert Decimal(bought["fee_quote"]) == Decimal(bought["fee"]) * Decimal(bought["price"])
    (sold,) = bench.rows(
        "select quantity from fills where venue = 'binance_spot' and side = 'SELL'"
    )
    left = Decimal(bought["quantity"]) - Decimal(bought["fee"]) - Decimal(sold["quantity"])
    assert 0 < left < Decimal("0.0001")  # less than a step: dust
    assert bench.rows("select count(*) as n from events where type = 'dust_left'") == [{"n": 1}]
    wallets = bench.rows("select distinct venue, asset from equity order by venue")
    assert wallets == [{"venue": v, "asset": "USDT"} for v in sorted(VENUES)]


@pytest.mark.slow
def test_a_busy_day_at_both_venues_leaves_both_ledgers_equal(make_bench: Make) -> None:
    bench = make_bench(BUSY)
    bench.finish()
    bench.stop_sandbox()
    assert audit_both(bench.exchange_ledger, bench.ledger).violations == []
    reasons = bench.rows(
        "select venue, count(*) as n from positions where status = 'closed' group by venue"
    )
    assert {row["venue"] for row in reasons} == set(VENUES)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_a_random_moment_neither_venue_doubles_or_loses_an_order(
    make_bench: Make, seed: int
) -> None:
    bench, rng = make_bench(BUSY), random.Random(seed)
    for _ in range(2):
        process = bench.start("--until-finished")
        written = bench.written() + rng.randint(3, 25)
        bench.wait(lambda s, n=written: s["finished"] or bench.written() >= n)
        bench.kill(process)
    bench.finish()
    bench.stop_sandbox()
    unprotected_ms = bench.dead_ms() + 5_000 * len(bench.lives())
    assert audit_both(bench.exchange_ledger, bench.ledger, unprotected_ms).violations == []
    ends = bench.rows("select distinct venue from positions where status = 'closed'")
    assert {row["venue"] for row in ends} == set(VENUES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unknown_503", "drop_response", "drop_request"])
def test_a_pair_whose_answer_is_lost_rests_once(make_bench: Make, kind: str) -> None:
    bench = make_bench(SPAN)
    bench.fault(kind=kind, method="POST", path="/orderList/oco$")
    bench.finish()
    bench.stop_sandbox()
    assert audit_both(bench.exchange_ledger, bench.ledger).violations == []
    first = bench.rows(
        "select exit_reason from positions where venue = 'binance_spot' order by id limit 1"
    )
    # Whether a pair that never arrived is there is not known in time: flat is the safe end.
    assert first[0]["exit_reason"] == ("unprotected" if kind == "drop_request" else "take_profit")
