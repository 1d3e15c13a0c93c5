"""The scan of hourly candles chooses the symbols of `surge`; the release holds its reasons."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cli.release.text import describe
from flows.engine.request import FlowArguments
from flows.hosting.launch import launch
from flows.steps.release.surge_scan import publish_universe
from flows.steps.release.universe import UniverseMember, scan
from lake.releases import (
    Candidate,
    FlowRun,
    Release,
    StrategyEntry,
    publish,
    read_current,
    read_universe,
)
from lake.store import Lake
from lake.tables import CANDLES
from tests.flows.sample import AS_OF
from trading.errors import ReleaseRefused
from trading.strategies.registry import get_strategy

RUN = FlowRun(id="run-1", name="quick-fox")
HOURS = 30
VENUE = "binance_usdm"


def write(lake: Lake, symbol: str, rises: list[float], busy: float, hours: int = HOURS) -> None:
    """Write hours at 100, then one for each of ``rises`` (a share) at ``busy`` times the volume."""
    moves = [0.0] * (hours - len(rises)) + rises
    bases = 100.0 * np.cumprod([1.0, *[1.0 + move for move in moves]])
    minutes = np.arange(60) / 60
    opens = np.concatenate([b * (1 + m * minutes) for b, m in zip(bases, moves, strict=False)])
    closes = np.append(opens[1:], bases[-1])
    volumes = np.repeat([1.0] * (hours - len(rises)) + [busy] * len(rises), 60)
    times = [AS_OF - timedelta(minutes=60 * hours - n) for n in range(60 * hours)]
    data = pa.table(
        {
            "open_time": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "open": opens,
            "high": np.maximum(opens, closes),
            "low": np.minimum(opens, closes),
            "close": closes,
            "volume": volumes,
            "gap_before": [0] * len(times),
        }
    )
    lake.write(CANDLES, data, venue=VENUE, symbol=symbol, interval="1m", month="2025-06")


def release_of(lake: Lake, *strategies: str) -> None:
    entries = tuple(
        StrategyEntry(strategy=name, symbol="AUSDT", params=get_strategy(name).resolve({}))
        for name in strategies
    )
    made = Candidate(as_of=AS_OF, fingerprint=(), flow_run=RUN, strategies=entries)
    publish(lake.published, made, AS_OF)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Write a surging symbol, one that rises without volume, a quiet one and a new one."""
    lake = Lake(tmp_path / "lake")
    write(lake, "AUSDT", [0.04, 0.01, -0.01, 0.01], 5.0)
    write(lake, "BUSDT", [0.04, 0.01, -0.01, 0.01], 1.0)
    write(lake, "CUSDT", [0.0, 0.0, 0.0, 0.0], 9.0)
    write(lake, "DUSDT", [0.04, 0.04], 9.0, hours=5)
    return lake


def scanned(lake: Lake) -> Release:
    members = scan(lake, as_of=AS_OF, venue=VENUE, size=3)
    found = publish_universe(
        lake, members, as_of=AS_OF, now=AS_OF, venue=VENUE, size=3, flow_run=RUN
    )
    assert found is not None
    assert found.promoted
    return read_current(lake.published, AS_OF)


def test_the_surging_symbol_is_chosen_and_the_others_name_missing_conditions(lake: Lake) -> None:
    release_of(lake, "surge", "breakout")
    universe = read_universe(scanned(lake))
    assert universe is not None
    assert universe.chosen == ("AUSDT",)
    assert universe.why_not("AUSDT") == ""
    assert universe.why_not("CUSDT") == "rank 1, missing: rise, thrust, up candles"
    assert universe.why_not("BUSDT") == "rank 3, missing: volume"
    assert universe.why_not("DUSDT") == "not among the top 3 by quote volume"
    assert universe.symbols["AUSDT"].conditions == dict.fromkeys(
        ("thrust", "rise", "volume", "up candles"), True
    )


def test_a_history_that_is_too_short_is_not_evaluated(lake: Lake) -> None:
    release_of(lake, "surge")
    member = (UniverseMember(1, "DUSDT", 1.0, "exchange"),)
    publish_universe(lake, member, as_of=AS_OF, now=AS_OF, venue=VENUE, size=1, flow_run=RUN)
    universe = read_universe(read_current(lake.published, AS_OF))
    assert universe is not None
    assert universe.why_not("DUSDT") == "rank 1, too short a history"


def test_the_rest_of_the_release_is_carried_over_and_its_candles_are_named(lake: Lake) -> None:
    release_of(lake, "surge", "breakout")
    before = read_current(lake.published, AS_OF)
    after = scanned(lake)
    assert after.strategies == before.strategies
    assert after.valid_until["params"] == before.valid_until["params"]
    assert after.valid_until["universe"] == AS_OF + timedelta(hours=1)
    read = after.fingerprint_of("universe")
    assert [ref.partition["symbol"] for ref in read] == ["AUSDT", "BUSDT", "CUSDT"]
    text = describe(after)
    assert "chose 1 of 3 symbols\n  CUSDT: rank 1, missing: rise, thrust, up candles\n" in text


def test_a_release_without_surge_gets_no_universe(lake: Lake) -> None:
    release_of(lake, "breakout")
    members = scan(lake, as_of=AS_OF, venue=VENUE, size=3)
    arguments = {"as_of": AS_OF, "now": AS_OF, "venue": VENUE, "size": 3, "flow_run": RUN}
    assert publish_universe(lake, members, **arguments) is None
    assert publish_universe(Lake(lake.root / "none"), members, **arguments) is None


def test_a_changed_universe_is_refused_like_any_file_of_a_release(lake: Lake) -> None:
    release_of(lake, "surge")
    file = scanned(lake).folder / "universe.json"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b'"volume":false', b'"volume":true'))
    with pytest.raises(ReleaseRefused, match=r"universe\.json"):
        read_current(lake.published, AS_OF)


def test_the_flow_ranks_and_publishes(lake: Lake) -> None:
    release_of(lake, "surge")
    result = launch("scan", FlowArguments(AS_OF, lake.root), server="none", say=lambda _line: None)
    assert result.message.startswith("4 symbols traded in the last 24 hours; release ")
    universe = read_universe(read_current(lake.published, AS_OF))
    assert universe is not None
    assert universe.chosen == ("AUSDT",)
