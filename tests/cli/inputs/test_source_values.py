"""Every number of a rule in the original documents: equal here, or different for a reason."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from flows.settings import PROJECT
from tests.cli.inputs.source_values import ict, money, process, surge, technical
from tests.cli.inputs.source_values.value import Outcome, Value

VALUES = [*technical.VALUES, *money.VALUES, *ict.VALUES, *surge.VALUES, *process.VALUES]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value.source}: {value.what}")
def test_a_value_is_that_of_its_source_or_differs_for_a_reason(value: Value) -> None:
    if value.reason:
        assert value.ours == value.kept
        assert value.ours != value.wanted, "equal now: drop the reason"
    else:
        assert value.ours == value.wanted


def test_each_value_stands_once() -> None:
    twice = [key for key, count in Counter((v.source, v.what) for v in VALUES).items() if count > 1]
    assert twice == []


@pytest.mark.parametrize("outcome", process.OUTCOMES, ids=lambda outcome: outcome.what)
def test_an_outcome_of_a_source_is_shown_by_a_test(outcome: Outcome) -> None:
    path, _, name = outcome.test.partition("::")
    text = (PROJECT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), outcome.test
