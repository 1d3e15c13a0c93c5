"""Cases to replay and simulate: real candles, and seeded ones that jump at their opens."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from cli.backtesting.account_file import read_funding
from cli.inputs.candle_files import read_candles
from tests.executor.harness import CANDLES, utc
from tests.parity.event_replay import Case
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS, CandleColumns

FUNDING = CANDLES.parents[1] / "funding" / "usdm"
MADE_FROM = utc("2025-03-01T18:00")
BEGIN = utc("2025-03-01T20:00")
"""Four hours before midnight, so that a day ends within each replay."""
PARTS: Mapping[str, Any] = {
    "partial_take_profit": "0.004:0.25,0.008:0.25",
    "half_close": 0.012,
    "add_first_at": 0.006,
    "add_first_weight": 4 / 3,
    "add_first_stop": 0.015,
    "add_second_at": 0.012,
    "add_second_weight": 4 / 3,
    "add_second_stop": 0.012,
    "stop_loss": 0.03,
    "trailing_stop": 0.01,
    "trailing_arm": 0.012,
    "time_exit": 0.75,
    "max_position_size": 0.2,
}
"""Everything that changes a position in stages."""
AVERAGED: Mapping[str, Any] = {
    "half_close": 0.006,
    "exit_after_half": "on",
    "leave": 13,
    "add_first_at": 0.004,
    "add_first_stop": 0.02,
    "add_second_at": 0.008,
    "add_second_stop": 0.02,
    "stop_loss": 0.03,
    "time_exit": 1.5,
    "take_profit": 0.02,
    "max_position_size": 0.25,
}
MADE: Mapping[str, tuple[str, int, float, int, Mapping[str, Any]]] = {
    # strategy, seed, hours, leverage, parameters
    "fixed": ("beat", 1, 8, 5, {"every": 13, "direction": 0, "take_profit": 0.01}),
    "trailing": ("beat", 2, 12, 5, {"every": 17, "direction": 0, "trailing_stop": 0.004}),
    "parts": ("beat", 2, 14, 5, {"every": 31, **PARTS}),
    "parts, short": ("beat", 3, 14, 5, {"every": 31, "direction": -1, "leave": 29, **PARTS}),
    "averaged": ("beat", 4, 14, 5, {"every": 31, **AVERAGED}),
    "averaged, short": ("beat", 5, 14, 5, {"every": 31, "direction": -1, **AVERAGED}),
    "own levels": (
        "beat",
        3,
        6,
        5,
        {"every": 11, "direction": 0, "stop_at": 0.006, "target_at": 0.009},
    ),
    "liquidation guard": (
        "beat",
        3,
        12,
        10,
        {"every": 23, "direction": 0, "liquidation_guard": 0.9, "take_profit": 0.02},
    ),
    "day end": ("day_beat", 1, 12, 5, {"every": 29, "direction": 0, "leave": 28}),
    "leverage by volatility": (
        "beat",
        6,
        6,
        5,
        {
            "every": 11,
            "direction": 0,
            "filter_tf": "1m",
            "leverage": 8.0,
            "target_volatility": 0.02,
            "sizing": "turtle",
            "unit_risk": 0.001,
            "take_profit": 0.008,
            "stop_loss": 0.006,
        },
    ),
}
MORE: Mapping[str, Mapping[str, Any]] = {
    "fixed": {"stop_loss": 0.008},
    "trailing": {"trailing_arm": 0.006, "stop_loss": 0.02},
    "own levels": {"emergency_stop": 0.005, "stop_loss": 0.3},
    "liquidation guard": {"stop_loss": 0.5, "emergency_stop": 0.5},
    "day end": {"take_profit": 0.03, "stop_loss": 0.02},
}


def made_candles(seed: int, minutes: int, begin: datetime) -> CandleColumns:
    """Return a seeded walk around 50,000 on ticks of 0.1; every fifth open jumps."""
    rng, home = random.Random(seed), 50_000.0
    first, price = int(begin.timestamp() * 1000), home
    rows = []
    for minute in range(minutes):
        opened = _tick(price * (1 + (rng.gauss(0, 0.002) if rng.random() < 0.2 else 0.0)))
        closed = _tick(opened * (1 + rng.gauss(0, 0.003)) + (home - opened) * 0.01)
        high = _tick(max(opened, closed) * (1 + abs(rng.gauss(0, 0.0015))))
        low = _tick(min(opened, closed) * (1 - abs(rng.gauss(0, 0.0015))))
        rows.append((first + 60_000 * minute, opened, high, low, closed, 1_000.0))
        price = closed
    times, opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    return CandleColumns.of(times, opens, highs, lows, closes, volumes)


def _tick(price: float) -> float:
    return round(price, 1)


def made_case(name: str, seed: int | None = None, hours: float | None = None) -> Case:
    """Return a case of `MADE`, with another seed or length if given."""
    strategy, own_seed, own_hours, leverage, params = MADE[name]
    lasts = own_hours if hours is None else hours
    values = {"max_position_size": 0.3, **params, **MORE.get(name, {})}
    candles = made_candles(seed or own_seed, 120 + int(60 * lasts), MADE_FROM)
    return Case(strategy, values, {"BTCUSDT": candles}, BEGIN, lasts, leverage)


def punched(case: Case, seed: int) -> Case:
    """Return a case whose candles lack minutes, some of them around midnight.

    Funding is paid every four hours, also at midnight.
    """
    rng, columns = random.Random(seed), case.candles["BTCUSDT"]
    there = np.ones(len(columns), dtype=bool)
    for length in (1, 1, 2, 5, 17, 40):
        hole = rng.randrange(125, len(columns) - 100)
        there[hole : hole + length] = False
    midnight = int(np.argmax(np.diff(columns.open_time // DAY_MS)))
    there[midnight - 2 : midnight + 5] = False
    prices = (columns.open, columns.high, columns.low, columns.close, columns.volume)
    kept = (column[there] for column in prices)
    candles = CandleColumns.of(columns.open_time[there], *kept, MINUTE_MS)
    hours = range(case.begin_ms, case.end_ms, 4 * HOUR_MS)
    rates = {time: rng.choice([-3e-4, 3e-4]) for time in hours}
    return replace(case, candles={"BTCUSDT": candles}, funding={"BTCUSDT": rates})


def silent_minutes(case: Case) -> set[int]:
    """Return the minutes (ms) of a case on one symbol that have no candle."""
    times = case.candles["BTCUSDT"].open_time
    return set(range(int(times[0]), int(times[-1]), MINUTE_MS)) - set(times.tolist())


def first_after_midnight(case: Case) -> int:
    """Return the first candle (ms) after the midnight inside a case."""
    times = case.candles["BTCUSDT"].open_time
    return int(times[int(np.argmax(np.diff(times // DAY_MS))) + 1])


def drawn_case(seed: int) -> Case:
    """Rules drawn at random, each present or not, on nine hours of made candles."""
    rng = random.Random(seed)
    rules: list[dict[str, Any]] = [
        {"take_profit": rng.choice([0.004, 0.008, 0.015])},
        {"trailing_stop": rng.choice([0.002, 0.005]), "trailing_arm": rng.choice([0.0, 0.004])},
        {"partial_take_profit": rng.choice(["0.003:0.5,0.006:0.5", "0.001:0.1,0.002:0.2"])},
        {"half_close": rng.choice([0.003, 0.006]), "exit_after_half": rng.choice(["on", "off"])},
        {"add_first_at": rng.choice([0.002, 0.003]), "add_first_weight": rng.choice([0.5, 1.7])},
        {"add_second_at": 0.006, "add_second_stop": rng.choice([0.0, 0.005])},
        {"time_exit": rng.choice([0.05, 0.1, 0.127])},
        {"leave": rng.randrange(1, 11)},
        {"stop_at": 0.005},
        {"target_at": 0.006},
        {"liquidation_guard": 0.9},
    ]
    params: dict[str, Any] = {
        "every": rng.choice([5, 7, 11]),
        "direction": rng.choice([1, -1, 0]),
        "max_position_size": rng.choice([0.05, 0.13, 0.2]),
        "stop_loss": rng.choice([0.004, 0.007, 0.012]),
    }
    for rule in rules:
        if rng.random() < 0.5 and ("add_second_at" not in rule or "add_first_at" in params):
            params |= rule
    candles = made_candles(seed, 120 + 540, MADE_FROM)
    return Case(rng.choice(["beat", "day_beat"]), params, {"BTCUSDT": candles}, BEGIN, 9)


def real_case(
    strategy: str,
    symbols: tuple[str, ...],
    begin: str,
    days: float,
    params: Mapping[str, Any],
    *,
    funded: bool = False,
) -> Case:
    """Real candles of the bundled sample, with three days before ``begin`` to warm up on."""
    start = utc(begin)
    first = int(start.timestamp() * 1000) - 3 * DAY_MS
    files = {name: CANDLES / f"{name}.parquet" for name in symbols}
    candles = {name: read_candles(path).slice(first, None) for name, path in files.items()}
    rates = {name: read_funding(FUNDING / f"{name}.parquet") for name in symbols if funded}
    return Case(strategy, params, candles, start, 24 * days, funding=rates)


def _tight(**more: Any) -> dict[str, Any]:
    return {
        "filters": "off",
        "signal_tf": "1m",
        "take_profit": 0.003,
        "stop_loss": 0.002,
        "max_position_size": 0.5,
        **more,
    }


BOTH = ("BTCUSDT", "ETHUSDT")


def real_cases() -> dict[str, Case]:
    """All cases on real candles, by name."""
    return {
        "breakout": real_case(
            "breakout", ("BTCUSDT",), "2025-05-20", 8, _tight(k=0.1, trigger="cross"), funded=True
        ),
        "rsi_bollinger": real_case("rsi_bollinger", ("BTCUSDT",), "2025-06-20", 2, _tight()),
        "rsi_bollinger, two symbols": real_case(
            "rsi_bollinger", BOTH, "2025-06-16", 1, _tight(rsi_entry=35.0)
        ),
        "rsi_bollinger, parts": real_case(
            "rsi_bollinger",
            ("ETHUSDT",),
            "2025-06-16",
            2,
            _tight(
                rsi_entry=40.0,
                stop_loss=0.01,
                take_profit=0.006,
                partial_take_profit="0.001:0.3,0.002:0.3",
                add_first_at=0.002,
                add_second_at=0.004,
                time_exit=2.0,
                max_position_size=0.2,
            ),
        ),
    }


def all_cases() -> dict[str, Case]:
    """Every case, by name."""
    return {name: made_case(name) for name in MADE} | real_cases()
