"""The path of a price through a recorded minute, and bars built from minutes."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.engines.common.instruments import BUILT_IN, MAJOR_BRACKETS, derive_instrument
from sandbox.market.candles import Ticks, read_folder, read_series, ticks_at
from sandbox.market.intervals import bar_start, next_start
from sandbox.market.price_path import next_stop, refine, turning_points
from tests.sandbox.helpers import START, write_candles
from trading.candles import MINUTE_MS
from trading.errors import DataError

D = Decimal
TICK = D("0.1")
RISING = Ticks(D("100.0"), D("103.0"), D("98.0"), D("102.0"))


def prices(path: list[tuple[int, Decimal]]) -> list[Decimal]:
    return [price for _, price in path]


def test_extreme_that_hurts_the_position_comes_first() -> None:
    assert prices(turning_points(RISING, 1, "")) == [D("98.0"), D("103.0"), D("102.0")]
    assert prices(turning_points(RISING, -1, "")) == [D("103.0"), D("98.0"), D("102.0")]


def test_rising_minute_goes_down_first_without_a_position() -> None:
    falling = Ticks(D("102.0"), D("103.0"), D("98.0"), D("100.0"))
    assert prices(turning_points(RISING, 0, ""))[0] == D("98.0")
    assert prices(turning_points(falling, 0, ""))[0] == D("103.0")


def test_seed_decides_a_minute_without_direction() -> None:
    flat = Ticks(D("100.0"), D("101.0"), D("99.0"), D("100.0"))
    firsts = [prices(turning_points(flat, 0, str(seed)))[0] for seed in range(20)]
    assert set(firsts) == {D("99.0"), D("101.0")}
    assert firsts == [prices(turning_points(flat, 0, str(seed)))[0] for seed in range(20)]


def test_price_stops_at_each_level_on_its_path() -> None:
    levels = [D("101.5"), D("101.0"), D("99.0"), D("104.0")]
    assert next_stop(D("100.0"), D("103.0"), levels, TICK) == D("101.0")
    assert next_stop(D("101.0"), D("103.0"), levels, TICK) == D("101.5")
    assert next_stop(D("101.5"), D("103.0"), levels, TICK) == D("103.0")
    assert next_stop(D("100.0"), D("98.0"), levels, TICK) == D("99.0")


def test_level_between_two_ticks_is_reached_at_the_tick_beyond_it() -> None:
    assert next_stop(D("100.0"), D("98.0"), [D("99.05")], TICK) == D("99.0")
    assert next_stop(D("100.0"), D("102.0"), [D("101.05")], TICK) == D("101.1")


def test_refined_path_keeps_its_turning_points_and_the_tick() -> None:
    points = turning_points(RISING, 1, "")
    path = refine(D("100.0"), points, 1_000, TICK)
    assert len(path) == 58
    assert set(points) <= set(path)
    assert all(price % TICK == 0 for price in prices(path))
    assert [offset for offset, _ in path] == sorted(offset for offset, _ in path)


def test_hour_bars_are_built_from_the_minutes_known_so_far(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTCUSDT", [(1.0, 3.0, 0.5, 2.0), (2.0, 5.0, 1.0, 4.0)] * 40)
    series = read_series(tmp_path / "BTCUSDT.parquet")
    bars = series.bars("1h", START, START + 2 * 60 * MINUTE_MS, START + 70 * MINUTE_MS)
    assert [(bar.start, bar.open, bar.high, bar.low, bar.close) for bar in bars] == [
        (START, 1.0, 5.0, 0.5, 4.0),
        (START + 60 * MINUTE_MS, 1.0, 5.0, 0.5, 4.0),
    ]
    assert [bar.volume for bar in bars] == [600.0, 100.0]
    assert bars[1].end == START + 120 * MINUTE_MS


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    monday = START - 4 * 86_400_000
    assert bar_start("1w", START) == monday
    june = START - 19 * 86_400_000
    assert bar_start("1M", START) == june
    assert next_start("1M", june) == june + 30 * 86_400_000


def test_recorded_prices_become_multiples_of_the_tick(tmp_path: Path) -> None:
    write_candles(tmp_path, "BTCUSDT", [(95505.4, 95505.5, 95502.7, 95502.7)])
    series = read_series(tmp_path / "BTCUSDT.parquet")
    assert ticks_at(series, 0, TICK) == Ticks(
        D("95505.4"), D("95505.5"), D("95502.7"), D("95502.7")
    )


def test_rules_of_an_unknown_symbol_are_derived_from_its_candles() -> None:
    rules = derive_instrument("LAYERUSDT", [3.2183, 3.2], [95610.8, 4.0])
    assert (rules.base, rules.tick, rules.step) == ("LAYER", D("0.0001"), D("0.1"))
    assert rules.price_precision == 4


def test_maintenance_margin_is_continuous_across_brackets() -> None:
    instrument = BUILT_IN["BTCUSDT"]
    for bracket, following in pairwise(MAJOR_BRACKETS):
        below = bracket.cap * bracket.ratio - bracket.cum
        assert below == bracket.cap * following.ratio - following.cum
    assert instrument.maintenance(D(300_000)) == D("1200.000")


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_folder_without_candles_is_an_error_that_names_it(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=missing):
        read_folder(tmp_path / missing)
