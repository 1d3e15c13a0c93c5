"""A quick check never says no where the model of the same name finds a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.settings import ValidationSettings
from flows.steps.data.checks import quick_checks
from flows.steps.data.freshness import connect, load_sql
from tests.flows.candle_lake import minutes, sample_minutes, table

START = datetime(2025, 6, 2, tzinfo=UTC)
LIMITS = ValidationSettings()
ROWS = 120
SCALES = (0.0, 0.3, 0.59, 0.97, 0.9969, 0.997, 0.998, 1.002, 1.003, 1.0031, 1.03, 1.7, 3.0, -1.0)
COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_base")


def found_by(check: str, name: str, data: pa.Table, params: dict[str, Any]) -> int:
    """Return how many rows the model of a check finds."""
    with connect() as connection:
        connection.register(name, data)
        return len(connection.sql(load_sql(f"checks/{check}"), params=params).fetchall())


def limits_of(chosen: ValidationSettings) -> dict[str, float]:
    return {
        "sigmas": chosen.jump_sigmas,
        "floor_move": chosen.jump_floor,
        "thin_share": chosen.thin_volume_share,
    }


broken = st.lists(
    st.tuples(st.sampled_from(COLUMNS), st.integers(0, ROWS - 1), st.sampled_from((*SCALES, None))),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(
    changes=broken,
    thin=st.lists(st.integers(0, ROWS - 1), max_size=10),
    sigmas=st.sampled_from((1.0, 15.0)),
    share=st.sampled_from((0.1, 3.0)),
)
def test_no_model_finds_a_row_where_its_quick_check_says_no(
    changes: list[tuple[str, int, float | None]], thin: list[int], sigmas: float, share: float
) -> None:
    chosen = ValidationSettings(jump_sigmas=sigmas, thin_volume_share=share)
    columns = minutes(START, ROWS)
    for name, row, scale in changes:
        value = columns[name][row]
        columns[name][row] = None if scale is None or value is None else value * scale
        if name == "trades" and columns[name][row] is not None:
            columns[name][row] = int(columns[name][row])
    for row in thin:
        columns["volume"][row] = 0.0
    data = table(columns)
    if not quick_checks.candle_rows(data):
        assert found_by("candle_rows", "raw_candles", data, {}) == 0
        limits = limits_of(chosen)
        if not quick_checks.price_jumps(data, chosen):
            assert found_by("price_jumps", "good_candles", data, limits) == 0
        if not quick_checks.wicks(data, chosen):
            assert found_by("wicks", "good_candles", data, limits) == 0
    if not quick_checks.candle_flows(data):
        assert found_by("candle_flows", "raw_candles", data, {}) == 0
    least = {"least": 3}
    if not quick_checks.quiet_runs(data, 3):
        assert found_by("quiet_runs", "candles", data, least) == 0


@pytest.mark.parametrize(
    ("column", "scale", "check"),
    [
        ("high", 0.5, "candle_rows"),
        ("low", 0.0, "candle_rows"),
        ("volume", -1.0, "candle_rows"),
        ("taker_buy_base", 100.0, "candle_flows"),
    ],
)
def test_what_is_wrong_is_seen(column: str, scale: float, check: str) -> None:
    columns = minutes(START, ROWS)
    columns[column][40] *= scale
    assert getattr(quick_checks, check)(table(columns))


def test_a_thin_jump_and_a_thin_wick_are_seen() -> None:
    columns = minutes(START, ROWS)
    columns["volume"][40] = 0.0
    columns["high"][40] *= 1.1
    assert quick_checks.wicks(table(columns), LIMITS)
    columns["close"][40] = columns["high"][40]
    assert quick_checks.price_jumps(table(columns), LIMITS)


def test_real_minutes_need_no_model() -> None:
    data = sample_minutes("BTCUSDT", START, datetime(2025, 6, 9, tzinfo=UTC))
    for name in ("quote_volume", "trades", "taker_buy_base", "taker_buy_quote"):
        if name not in data.column_names:
            data = data.append_column(name, pa.nulls(data.num_rows, pa.float64()))
    assert not quick_checks.candle_rows(data)
    assert not quick_checks.candle_flows(data)
    assert not quick_checks.price_jumps(data, LIMITS)
    assert not quick_checks.quiet_runs(data, LIMITS.quiet_minutes)
