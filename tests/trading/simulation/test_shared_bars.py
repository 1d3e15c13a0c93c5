"""Higher candles built once for many sets of signals: the same as those that a decider builds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from trading.candles import MINUTE_MS, CandleColumns
from trading.jit.backends import backend
from trading.market.bars import MORE_AT, SIGNAL_AT
from trading.market.rows import Rows
from trading.simulation import Costs, Searcher, prepared_candles
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.shared_bars import taken_bars
from trading.simulation.signals import TakenBars
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy
from trading.strategies.setup import Setup

DAYS = 3


def wavy(missing: range = range(0), first: int = 0) -> CandleColumns:
    """Minutes that rise and fall, without those that are missing and from minute ``first`` on."""
    kept = [at for at in range(first, DAYS * 1440) if at not in missing]
    closes = [100.0 + (at % 97) * 0.1 + (at % 613) * 0.02 for at in kept]
    highs, lows = [c + 0.3 for c in closes], [c - 0.3 for c in closes]
    volumes = [1.0 + at % 5 for at in kept]
    return CandleColumns.of([at * MINUTE_MS for at in kept], closes, highs, lows, closes, volumes)


def test_a_row_takes_the_candles_that_close_with_it_the_signal_last() -> None:
    strategy = get_strategy("ict_mixed")
    setup = Setup.of(strategy, {"zone_tf": "5m", "trend_tf": "15m"}, MINUTE_MS)
    candles = wavy().rows(0, 31)
    taken = taken_bars(PreparedCandles(candles, backend(False)).rows, setup)
    assert [row for row, _ in taken] == [4, 9, 14, 19, 24, 29]
    slots = [[slot for slot, _ in bars] for _, bars in taken]
    assert slots == [[SIGNAL_AT], [SIGNAL_AT], [MORE_AT, SIGNAL_AT]] * 2
    _, bar = taken[2][1][0]
    assert (bar.open_time, bar.length) == (0, 15 * MINUTE_MS)
    assert bar.high == candles.high[:15].max()


def test_after_missing_minutes_the_next_row_closes_what_was_open() -> None:
    setup = Setup.of(get_strategy("wave"), {"signal_tf": "5m", "filters": "off"}, MINUTE_MS)
    candles = wavy(missing=range(7, 13)).rows(0, 20)
    taken = taken_bars(PreparedCandles(candles, backend(False)).rows, setup)
    assert [int(candles.open_time[row]) // MINUTE_MS for row, _ in taken] == [4, 13, 14, 19, 24]
    assert [bar.open_time // MINUTE_MS for _, bars in taken for _, bar in bars] == [
        0,
        5,
        10,
        15,
        20,
    ]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("breakout", {"k": 0.2, "signal_tf": "15m"}),
        ("wave", {"signal_tf": "5m", "filters": "off"}),
        ("ict_conservative", {"min_confidence": 0.0, "zone_after_break": "off"}),
        ("ict_mixed", {"zone_tf": "5m", "trend_tf": "30m", "length": 2}),
    ],
)
@pytest.mark.parametrize("candles", [wavy(), wavy(range(700, 811), first=17)], ids=["whole", "gap"])
def test_shared_candles_give_the_same_signals(
    name: str, params: Mapping[str, Value], candles: CandleColumns
) -> None:
    setup = Setup.of(get_strategy(name), params, MINUTE_MS)
    prepared = PreparedCandles(candles, backend(False))
    alone, _ = prepared.decide(setup, day_bound=False)
    for _ in range(2):
        shared, _ = prepared.decide(setup, day_bound=False, shared=True)
        for mine, other in zip(shared, alone, strict=True):
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))


def test_sets_share_no_more_candles_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def counted(rows: Rows, setup: Setup) -> list[TakenBars]:
        built.append(setup.signal_ms // MINUTE_MS)
        return taken_bars(rows, setup)

    candles = wavy()
    monkeypatch.setattr(prepared_candles, "taken_bars", counted)
    monkeypatch.setattr(prepared_candles, "MOST_TAKEN", len(candles) + 100)
    prepared = PreparedCandles(candles, backend(False))
    for signal_tf in ("15m", "5m", "15m", "5m"):
        values = {"signal_tf": signal_tf, "filters": "off"}
        setup = Setup.of(get_strategy("wave"), values, MINUTE_MS)
        alone, _ = prepared.decide(setup, day_bound=False)
        shared, _ = prepared.decide(setup, day_bound=False, shared=True)
        for mine, other in zip(shared, alone, strict=True):
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))
    assert built == [15], "with those of 5m it would be too many"


def test_every_set_of_a_plain_search_has_the_result_that_it_has_alone() -> None:
    strategy, candles = get_strategy("breakout"), wavy(range(700, 811))
    grid = [{"k": k, "signal_tf": tf} for tf in ("15m", "30m") for k in (0.2, 0.3, 0.4)]
    fixed: dict[str, Value] = {"filters": "off"}

    def found(sets: list[dict[str, Value]]) -> list[object]:
        search = Searcher(strategy, candles, sets, fixed, Costs(), compiled=False).search()
        return [row.metrics for row in search.results]

    together = found([dict(one) for one in grid])
    assert together == [metrics for one in grid for metrics in found([dict(one)])]
    assert len(set(map(str, together))) > 1
