"""Search grids: decimal, both ends included, and one sentence for an invalid grid."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import ParameterError
from trading.research.grid import check_memory, parse_grid
from trading.strategies.base import Strategy
from trading.strategies.parameters import Parameter


class Toy(Strategy):
    """Declares parameters of every kind; it never trades."""

    name = "toy"
    summary = "parameters only"
    own = (
        Parameter("k", "float", 0.5, 0.0, 2.0),
        Parameter("bars", "int", 14, 2, 500),
        Parameter("mode", "choice", "fast", choices=("fast", "slow")),
    )


TOY = Toy()


def values(text: str) -> tuple[float | int | str, ...]:
    (axis,) = parse_grid([text], TOY).axes
    return axis.values


def test_a_range_is_decimal_and_includes_both_ends() -> None:
    assert values("k=0.3:0.8:0.05") == (
        0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8,
    )  # fmt: skip
    assert [repr(value) for value in values("k=0.1:0.3:0.1")] == ["0.1", "0.2", "0.3"]


def test_a_grid_of_two_ranges_has_440_combinations() -> None:
    grid = parse_grid(
        ["k=0.3:0.8:0.05", "take_profit=0.03:0.10:0.01", "stop_loss=0.01:0.05:0.01"], TOY
    )
    combinations = grid.combinations()
    assert grid.size == len(combinations) == 440
    assert combinations[0] == {"k": 0.3, "take_profit": 0.03, "stop_loss": 0.01}
    assert combinations[1] == {"k": 0.3, "take_profit": 0.03, "stop_loss": 0.02}
    assert combinations[-1] == {"k": 0.8, "take_profit": 0.1, "stop_loss": 0.05}


def test_an_end_that_no_step_reaches_is_not_invented() -> None:
    assert values("k=0.3:0.75:0.2") == (0.3, 0.5, 0.7)


def test_lists_single_values_whole_numbers_and_words() -> None:
    assert values("k=0.4,0.5") == (0.4, 0.5)
    assert values("k=0.5") == (0.5,)
    assert values(" bars = 5 : 15 : 5 ") == (5, 10, 15)
    assert all(isinstance(value, int) for value in values("bars=5:15:5"))
    assert values("mode=fast,slow") == ("fast", "slow")
    assert values("signal_tf=15m,1h") == ("15m", "1h")


@given(st.integers(0, 999), st.integers(0, 999), st.integers(1, 500))
def test_every_value_is_the_nearest_float_of_its_decimal(
    start: int, length: int, step: int
) -> None:
    stop = start + length
    text = f"k={start / 1000:.3f}:{stop / 1000:.3f}:{step / 1000:.3f}"
    assert values(text) == tuple(n / 1000 for n in range(start, stop + 1, step))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "the grid is empty"),
        (["k"], "grid 'k' has no values"),
        (["k="], "grid 'k=' has no values"),
        (["=0.5"], "grid '=0.5' has no values"),
        (["k=0.4,,0.5"], "has an empty value"),
        (["k=0.4,0.40"], "names a value twice"),
        (["k=0.8:0.3:0.05"], "runs from 0.8 down to 0.3; put the smaller end first"),
        (["k=0.3:0.8:0"], "has the step 0; a step above 0 is needed"),
        (["k=0.3:0.8:-0.1"], "has the step -0.1"),
        (["k=0.3:0.8:x"], "the step 'x' is not a number"),
        (["k=0.3:0.8:nan"], "the step 'nan' is not a number"),
        (["k=a:0.8:0.1"], "the start 'a' is not a number"),
        (["k=0.3:inf:0.1"], "the end 'inf' is not a number"),
        (["k=0.3:0.8"], "is not FROM:TO:STEP"),
        (["k=0.3:0.8:0.1:2"], "is not FROM:TO:STEP"),
        (["k=0.3:0.4:1e-19"], "the grid has 1,000,000,000,000,000,001 combinations"),
        (["k=0.3:0.4:1e-9999999"], "the grid has 100,000,000 combinations"),
        (["k=1:1.000000000000000001:1e-19"], "too fine to tell values apart"),
        (["k=high"], "k = 'high' is not a number"),
        (["kk=0.5"], "toy has no parameter 'kk' (did you mean 'k'?); it has k, bars, mode"),
        (["k=0.5:2.5:0.5"], "k = 2.5 is out of bounds; give a number between 0 and 2"),
        (["k=-1:1:0.5"], "k = -1.0 is out of bounds"),
        (["k=0.5,3"], "k = 3 is out of bounds"),
        (["bars=2:10:0.5"], "has the step 0.5; bars needs whole numbers"),
        (["bars=2.5"], "bars = 2.5 is not a whole number"),
        (["mode=fast,medium"], "mode = 'medium' is not one of fast, slow"),
        (["mode=1:2:1"], "mode takes words, not a range"),
        (["signal_tf=7x"], "interval '7x' is not known"),
        (["k=0.4", "k=0.5"], "grid parameter k is given twice"),
    ],
)
def test_an_invalid_grid_is_refused_in_one_sentence(texts: list[str], message: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(message)) as caught:
        parse_grid(texts, TOY)
    assert "\n" not in str(caught.value)


def test_a_grid_too_large_for_memory_names_size_limit_and_remedy() -> None:
    with pytest.raises(ParameterError) as caught:
        parse_grid(["k=0:2:0.001", "bars=2:500:1"], TOY, days=365)
    assert str(caught.value) == (
        "the grid has 998,499 combinations over 365 days, which need 4.6 GiB of memory; the limit"
        " is 2.0 GiB (436,480 combinations): use larger steps, fewer parameters or fewer days"
    )


def test_the_limit_itself_fits() -> None:
    check_memory(10, 100, memory_limit=28_000)
    with pytest.raises(ParameterError, match="10 combinations over 100 days"):
        check_memory(10, 100, memory_limit=27_999)
