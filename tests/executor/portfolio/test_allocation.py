"""The allocator: parts of the equity by the live regime, pauses, and refused releases."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from executor.portfolio.allocation import Allocation, Allocator
from executor.venues.directory import VenueDirectory
from lake.releases import (
    Candidate,
    FlowRun,
    NewFile,
    Release,
    StrategyEntry,
    Universe,
    publish,
    read_current,
)
from lake.releases.ensemble_file import KIND, PATH, Ensemble, Member, SymbolRegime, WeightChoice
from lake.releases.universe_file import ScannedSymbol
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal
from trading.candles import HOUR_MS, MINUTE_MS, Candle, CandleColumns
from trading.ensemble.regimes import LABELS, RegimeRules, label_candles
from trading.errors import ReleaseRefused
from trading.strategies.registry import get_strategy

AS_OF = datetime(2025, 6, 20, tzinfo=UTC)
AS_OF_MS = round(AS_OF.timestamp() * 1000)
BREAKOUT, REVERSAL = "breakout/BTCUSDT", "rsi_bollinger/BTCUSDT"


def ensemble(label: str = "range", since: datetime = AS_OF - timedelta(hours=9)) -> Ensemble:
    member = Member(weight=0.5, days=10, trades=20, score=0.1)
    return Ensemble(
        interval="1h",
        rules={},
        members={BREAKOUT: member, REVERSAL: member},
        factors={
            "range": {BREAKOUT: 0.2, REVERSAL: 1.0},
            "crash": {BREAKOUT: 0.0, REVERSAL: 1.0},
        },
        pauses={"crash": 4},
        regimes={"BTCUSDT": SymbolRegime(label=label, since=since)},
    )


def published(root: Path, made: Ensemble, names: tuple[str, ...]) -> Release:
    entries = [
        StrategyEntry(strategy=name, symbol="BTCUSDT", params=get_strategy(name).resolve({}))
        for name in names
    ]
    candidate = Candidate(
        as_of=AS_OF,
        fingerprint=(),
        flow_run=FlowRun(id="run-1", name="nightly"),
        strategies=tuple(entries),
        files=(NewFile(PATH, KIND, made.data()),),
    )
    publish(root, candidate, now=AS_OF)
    return read_current(root, AS_OF)


def allocator(made: Ensemble) -> Allocator:
    return Allocator(made, {BTCUSDT}, AS_OF_MS)


def test_the_label_from_research_holds_until_candles_say_otherwise() -> None:
    assert allocator(ensemble()).allocation_of("breakout", BTCUSDT) == Allocation(0.1)
    assert allocator(ensemble()).allocation_of("rsi_bollinger", BTCUSDT) == Allocation(0.5)
    assert allocator(ensemble()).allocation_of("momentum", BTCUSDT) == Allocation(math.inf)


def test_a_shock_pauses_entries_and_then_trades_reversals_only() -> None:
    fresh = allocator(ensemble("crash", AS_OF - timedelta(hours=1)))
    paused = fresh.allocation_of("rsi_bollinger", BTCUSDT)
    assert paused == Allocation(0.0, "entries pause: crash for 2 of 4 candles")
    old = allocator(ensemble("crash", AS_OF - timedelta(hours=4)))
    assert old.allocation_of("rsi_bollinger", BTCUSDT) == Allocation(0.5)
    assert old.allocation_of("breakout", BTCUSDT).reason == (
        "no share of the account in the regime crash"
    )


def wandering(hours: int) -> CandleColumns:
    """Minutes whose hours trend, range and crash."""
    random = np.random.default_rng(5)
    moves = random.normal(0, 0.0004, hours * 60)
    moves[-600:-500] -= 0.002
    closes = 100 * np.exp(np.cumsum(moves))
    opens = np.append(100.0, closes[:-1])
    times = AS_OF_MS - hours * HOUR_MS + MINUTE_MS * np.arange(hours * 60)
    highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    return CandleColumns.of(times, opens, highs, lows, closes, np.ones(len(closes)), MINUTE_MS)


class HistoryVenue(FakeVenue):
    """Serves the hours and minutes of its candles."""

    def __init__(self, minutes: CandleColumns) -> None:
        super().__init__()
        self._rows = {"1m": minutes, "1h": minutes.higher(HOUR_MS)}

    async def klines(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        del symbol
        rows = self._rows[interval].slice(start_ms, end_ms)
        columns = (rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume)
        return [Candle(int(time), *numbers) for time, *numbers in zip(*columns, strict=True)]


async def test_live_labels_are_those_of_the_hourly_candles() -> None:
    minutes = wandering(200)
    wanted = label_candles(minutes.higher(HOUR_MS), RegimeRules(), compiled=False)
    assert {"crash", "range"} <= {LABELS[code] for code in wanted[60:]}
    start = AS_OF_MS - 20 * HOUR_MS + 7 * MINUTE_MS
    venue, live = HistoryVenue(minutes), allocator(ensemble())
    await live.warm(VenueDirectory([venue]), start, {BTCUSDT})
    seen = []
    for candle in await venue.klines(BTCUSDT, "1m", start - 5 * MINUTE_MS, AS_OF_MS):
        live.on_candle(BTCUSDT, candle)  # the first five are known already
        if (candle.open_time + MINUTE_MS) % HOUR_MS == 0:
            seen.append(live.labels[BTCUSDT].label)
    assert seen == [LABELS[code] for code in wanted[-20:]]
    label = live.labels[BTCUSDT]
    run = len(wanted) - 1 - int(np.flatnonzero(wanted != wanted[-1])[-1])
    assert (label.label, label.candles) == (LABELS[wanted[-1]], run)


def test_a_changed_ensemble_is_refused_like_any_file_of_a_release(tmp_path: Path) -> None:
    release = published(tmp_path, ensemble(), ("breakout", "rsi_bollinger"))
    assert Allocator.of(release, AS_OF_MS, {BTCUSDT}) is not None
    file = release.folder / PATH
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b'"weight":0.5', b'"weight":0.9', 1))
    with pytest.raises(ReleaseRefused, match=r"ensemble\.json"):
        read_current(tmp_path, AS_OF)


def test_a_single_member_needs_no_allocation(tmp_path: Path) -> None:
    alone = ensemble().model_copy(
        update={
            "members": {BREAKOUT: Member(weight=1.0, days=1, trades=1, score=0.0)},
            "factors": {"range": {BREAKOUT: 0.2}},
        }
    )
    assert Allocator.of(published(tmp_path, alone, ("breakout",)), AS_OF_MS, {BTCUSDT}) is None


def scanned_too(root: Path, release: Release, chosen: Universe) -> Release:
    """The same release with a universe."""
    candidate = Candidate(
        as_of=AS_OF,
        fingerprint=(),
        flow_run=FlowRun(id="run-2", name="scan"),
        files=(NewFile("universe.json", "universe", chosen.data()),),
    )
    assert publish(root, candidate, now=AS_OF).release_id != release.release_id
    return read_current(root, AS_OF)


async def test_the_executor_takes_both_files_of_a_release_and_keeps_the_old_ones_if_one_is_wrong(
    tmp_path: Path,
) -> None:
    root = tmp_path / "published"
    release = published(root, ensemble(), ("breakout", "rsi_bollinger"))
    release = scanned_too(root, release, universe())
    wrong = ensemble().data().replace(b'"weight":0.5', b'"weight":0.9')
    candidate = Candidate(
        as_of=AS_OF + timedelta(hours=1),
        fingerprint=(),
        flow_run=FlowRun(id="run-3", name="nightly"),
        files=(NewFile(PATH, KIND, wrong),),
    )
    async with executor_on(tmp_path, FakeVenue()) as executor:
        await executor.rollout.take(release)
        taken = executor.signal_engine.allocator
        assert taken is not None
        assert taken.ensemble == ensemble()
        assert executor.signal_engine.universe == universe()
        publish(root, candidate, now=AS_OF)
        with pytest.raises(ReleaseRefused, match=r"ensemble\.json.*add up to 1\.8"):
            await executor.rollout.take(read_current(root, AS_OF + timedelta(hours=1)))
        assert executor.signal_engine.allocator is taken
        assert executor.releases.current is release


async def entered(tmp_path: Path, made: Ensemble | None) -> tuple[list[str], list[str]]:
    """Quantities bought on a signal of `breakout`, and why it was refused."""
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.signal_engine.swap([], allocator(made) if made is not None else None)
        signal(executor)
        await settled(executor)
        executor.services.ledger.flush()
        rows = executor.services.ledger._db.execute(
            "select data from events where type = 'entry_refused'"
        )
        reasons = [reason for row in rows for reason in json.loads(row["data"])["reasons"]]
    return [str(fill.quantity.normalize()) for fill in venue.fills], reasons


async def test_an_entry_stays_within_its_members_allocation(tmp_path: Path) -> None:
    assert await entered(tmp_path / "a", None) == (["0.02"], [])
    small = ensemble().model_copy(update={"factors": {"range": {BREAKOUT: 0.1}}})
    # 0.5 x 0.1 of 10,000 at 50,000.
    assert await entered(tmp_path / "b", small) == (["0.01"], [])


async def test_the_intent_names_the_weight_factor_and_regime_behind_its_size(
    tmp_path: Path,
) -> None:
    choice = WeightChoice(learned=True, days=30, gain=0.001, t_value=2.5, least_t=2.0)
    made = ensemble().model_copy(
        update={"factors": {"range": {BREAKOUT: 0.1}}, "choice": choice},
    )
    async with executor_on(tmp_path, FakeVenue()) as executor:
        executor.signal_engine.swap([], allocator(made))
        signal(executor)
        await settled(executor)
        executor.services.ledger.flush()
        row = executor.services.ledger._db.execute(
            "select data from events where data like '%risk_taken%' limit 1"
        ).fetchone()
    data = json.loads(row["data"])
    assert data["bound_by"] == "ensemble"
    assert data["allocation"] == {
        "weight": 0.5,
        "learned": True,
        "factor": 0.1,
        "regime": "range",
        "candles": 10,
        "interval": "1h",
        "most": 0.05,
    }


async def test_an_entry_in_a_pause_is_refused_with_the_reason(tmp_path: Path) -> None:
    shock = ensemble("crash", AS_OF)
    assert await entered(tmp_path, shock) == ([], ["entries pause: crash for 1 of 4 candles"])


SCANNED_AT = datetime(1970, 1, 1, tzinfo=UTC)
"""The clock of these executors stands two minutes later."""


def universe(as_of: datetime = SCANNED_AT, *, surges: bool = False) -> Universe:
    seen = ScannedSymbol(
        rank=7,
        quote_volume=1.0,
        source="exchange",
        conditions={"thrust": True, "volume": surges},
        known=True,
    )
    return Universe(as_of=as_of, size=150, symbols={"BTCUSDT": seen})


async def surged(tmp_path: Path, chosen: Universe, strategy: str = "surge") -> list[str]:
    """Why a signal of ``strategy`` was refused."""
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        executor.signal_engine.swap([], None, chosen)
        signal(executor, strategy=strategy)
        await settled(executor)
        executor.services.ledger.flush()
        rows = executor.services.ledger._db.execute(
            "select data from events where type = 'entry_refused'"
        )
        reasons = [reason for row in rows for reason in json.loads(row["data"])["reasons"]]
        assert bool(venue.fills) == (not reasons)
    return reasons


async def test_surge_enters_what_the_scan_has_chosen_and_nothing_else(tmp_path: Path) -> None:
    assert await surged(tmp_path / "a", universe(surges=True)) == []
    assert await surged(tmp_path / "b", universe()) == [
        "not chosen by the scan of 1970-01-01 00:00: rank 7, missing: volume"
    ]
    others = Universe(as_of=SCANNED_AT, size=150, symbols={})
    assert await surged(tmp_path / "c", others) == [
        "not chosen by the scan of 1970-01-01 00:00: not among the top 150 by quote volume"
    ]


async def test_an_old_scan_and_other_strategies_are_left_to_the_strategy(tmp_path: Path) -> None:
    assert await surged(tmp_path / "a", universe(SCANNED_AT - timedelta(hours=1))) == []
    assert await surged(tmp_path / "b", universe(), "breakout") == []
