"""A candle costs the same whatever the length of the history or the window."""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from tests.trading.quick_values import marked, quick_values
from trading.candles import DAY_MS, MINUTE_MS, Candle, CandleColumns
from trading.ict.batch import IctSettings
from trading.ict.layout import LOG_HEAD
from trading.ict.step import ict_step
from trading.indicators import core, rolling, windows
from trading.indicators.core import bollinger_step
from trading.indicators.rolling import rank_step
from trading.jit.compiler import twin
from trading.jit.kernel import kernel
from trading.market.rows import bar_of
from trading.strategies.decider import Decider
from trading.strategies.registry import get_strategy, strategy_names

TESTS = Path(__file__).parents[2]
DAY = 1_440
LOOKED_AT = 200
MODULES = (core, rolling, windows)


def lines_of(work: Callable[[], None]) -> int:
    """Lines of Python that ``work`` runs: a measure that no other process disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> object:
        nonlocal count
        del frame, arg
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def day_again(day: CandleColumns, turn: int) -> list[Candle]:
    """Return the same day, ``turn`` days later."""
    found = (day.candle(row) for row in range(len(day)))
    return [
        Candle(c.open_time + turn * DAY_MS, c.open, c.high, c.low, c.close, c.volume) for c in found
    ]


def decide_all(decider: Decider, candles: list[Candle]) -> None:
    """Pass the candles to the decider."""
    for candle in candles:
        decider.on_candle(candle)


@pytest.mark.parametrize("name", [marked(name) for name in strategy_names()])
def test_a_decision_costs_the_same_on_the_sixth_day_as_on_the_third(name, bitcoin):
    first = int(-(-bitcoin.open_time[0] // DAY_MS) * DAY_MS)
    day = bitcoin.slice(first, first + DAY_MS)
    assert len(day) == DAY
    decider = Decider(get_strategy(name), quick_values(name), MINUTE_MS)
    sizes, costs = [], []
    for turn in range(6):
        candles = day_again(day, turn)
        decide_all(decider, candles[:-LOOKED_AT])
        costs.append(lines_of(partial(decide_all, decider, candles[-LOOKED_AT:])))
        buffers = (decider._bars, decider._filters, decider._state, decider._out)
        sizes.append([len(buffer) for buffer in buffers])
    assert sizes[0] == sizes[-1]
    assert costs[0] > 5 * LOOKED_AT
    assert costs[5] <= 1.1 * costs[2], costs


def test_structures_cost_the_same_after_a_long_history(bitcoin):
    """On the same day again and again, books stay as full as they were."""
    first = int(-(-bitcoin.open_time[0] // DAY_MS) * DAY_MS)
    day = bitcoin.slice(first, first + DAY_MS)
    state, log = IctSettings().state(), [0.0] * LOG_HEAD
    size, costs = len(state), []

    def feed(candles: list[Candle]) -> None:
        for c in candles:
            ict_step(state, 0, log, bar_of(c, day.interval_ms))

    for turn in range(6):
        candles = day_again(day, turn)
        feed(candles[:-LOOKED_AT])
        costs.append(lines_of(partial(feed, candles[-LOOKED_AT:])))
    assert (len(state), len(log)) == (size, LOG_HEAD)
    assert costs[0] > 5 * LOOKED_AT
    assert costs[5] <= 1.1 * costs[2], costs


class Counting(list[float]):
    """A state that counts how often its numbers are read and written."""

    uses = 0

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        self.uses += 1
        return super().__getitem__(place)

    def __setitem__(self, place, value):  # type: ignore[no-untyped-def]
        self.uses += 1
        super().__setitem__(place, value)


def uses_a_candle(name: str, span: int) -> float:
    """Numbers read and written a candle, over ten windows of noise."""
    size, step = WINDOWED[name]
    values = np.random.default_rng(11).lognormal(0.0, 1.0, 10 * span).tolist()
    state = Counting([0.0] * size(span))
    for turn, value in enumerate(values):
        step(state, span, turn, value)
    assert len(state) == size(span)
    return state.uses / len(values)


# Each window: floats of state, and step(state, span, turn, value).
WINDOWED: dict[str, tuple[Callable[[int], int], Callable[..., object]]] = {
    "moments": (windows.moments_size, lambda s, n, t, v: windows.moments_step(s, 0, n, t, v)),
    "sma": (core.sma_size, lambda s, n, t, v: core.sma_step(s, 0, n, t, v)),
    "bollinger": (
        core.bollinger_size,
        lambda s, n, t, v: core.bollinger_step(s, 0, n, 2.0, t, v),
    ),
    "roc": (rolling.roc_size, lambda s, n, _t, v: rolling.roc_step(s, 0, n, v)),
    "vwap": (rolling.vwap_size, lambda s, n, t, v: rolling.vwap_step(s, 0, n, t, v, v)),
    "rank": (rolling.rank_size, lambda s, n, _t, v: rolling.rank_step(s, 0, n, v)),
}


def test_no_window_is_missing_here():
    sized = [getattr(module, name) for module in MODULES for name in sorted(vars(module))]
    spans = [f for f in sized if getattr(f, "__name__", "").endswith("_size") and takes_span(f)]
    assert {f.__name__.removesuffix("_size") for f in spans} == set(WINDOWED)


def takes_span(size: Callable[..., int]) -> bool:
    """Whether the state grows with a span."""
    return "span" in inspect.signature(size).parameters


@pytest.mark.parametrize("name", sorted(set(WINDOWED) - {"rank"}))
def test_a_candle_costs_the_same_in_a_window_24_times_as_long(name):
    assert uses_a_candle(name, 480) < 1.05 * uses_a_candle(name, 20) < 100


def test_a_rank_is_found_by_bisection_and_moves_numbers_only_between_two_places():
    """Two searches; with random numbers a third of the window moves, each read and written."""
    for span in (20, 480):
        searches = 2 * (math.log2(span) + 1)
        assert uses_a_candle("rank", span) < searches + 2 * span / 3 + 20


@kernel
def bands_over(values, state, span, out):  # type: ignore[no-untyped-def]
    """Return the bands of every candle."""
    for i in range(len(values)):
        _, _, out[i] = bollinger_step(state, 0, span, 2.0, i, values[i])


@kernel
def ranks_over(values, state, span, out):  # type: ignore[no-untyped-def]
    """Return the rank of every candle."""
    for i in range(len(values)):
        out[i] = rank_step(state, 0, span, values[i])


def seconds_over(run: Callable[..., object], state: int, span: int) -> float:
    """Processor time of a compiled run over the same values, the least of five."""
    values = np.random.default_rng(12).lognormal(0.0, 1.0, 200_000)
    fast, out, taken = twin(run), np.zeros(len(values)), []
    fast(values[:1], np.zeros(state), span, out[:1].copy())
    for _ in range(5):
        fresh = np.zeros(state)
        started = time.process_time()
        fast(values, fresh, span, out)
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.slow
def test_compiled_bands_take_the_same_time_in_a_long_window():
    size = core.bollinger_size
    short, long = (seconds_over(bands_over, size(span), span) for span in (20, 480))
    assert long < 2 * short, (short, long)


@pytest.mark.slow
def test_compiled_ranks_grow_less_than_a_third_as_fast_as_the_window():
    size = rolling.rank_size
    short, long = (seconds_over(ranks_over, size(span), span) for span in (20, 480))
    assert long < 24 / 3 * short, (short, long)


@pytest.mark.parametrize("module", [core, rolling])
def test_every_indicator_is_compared_to_the_bit_at_both_backends(module):
    """A new one that `tests/parity` does not run would be missed."""
    names = {name for name in vars(module) if name.endswith("_step")}
    own = {name for name in names if getattr(module, name).__module__ == module.__name__}
    compared = (TESTS / "parity" / "backend_pairs.py").read_text()
    assert len(own) >= 4
    assert not [name for name in sorted(own) if f"{name}(" not in compared]
