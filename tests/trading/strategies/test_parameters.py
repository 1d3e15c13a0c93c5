"""A parameter takes the numbers within its bounds, and says which those are."""

from __future__ import annotations

import math

import pytest

from trading.errors import ParameterError
from trading.strategies.parameters import Parameter


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.0, 2.0, "between 0 and 2"),
        (0.0, math.inf, "of 0 or more"),
        (-math.inf, 2.0, "of 2 or less"),
        (-math.inf, math.inf, "that is finite"),
    ],
)
@pytest.mark.parametrize("value", ["word", "nan", "inf", "-inf", math.inf, math.nan])
def test_what_is_no_number_within_the_bounds_is_refused_with_them(
    low: float, high: float, wanted: str, value: str | float
) -> None:
    parameter = Parameter("k", "float", 1.0, low, high)
    with pytest.raises(ParameterError, match=rf"^mine: k = .*; give (one|a number) {wanted}$"):
        parameter.parse(value, "mine")
    assert parameter.parse("1.5", "mine") == 1.5


def test_a_bound_belongs_to_the_numbers() -> None:
    parameter = Parameter("n", "int", 1, 1.0, math.inf)
    assert parameter.parse("1", "mine") == 1
    with pytest.raises(ParameterError, match="n = 0 is out of bounds; give a number of 1 or more"):
        parameter.parse("0", "mine")
    with pytest.raises(ParameterError, match=r"n = 1\.5 is not a whole number"):
        parameter.parse("1.5", "mine")
