"""The check of live trading on the first screen of the report."""

from __future__ import annotations

import pytest

from flows.report.sections.parity import parity_check
from flows.report.views import BAD, GOOD, WARN


def rows(*verdicts: str) -> list[dict[str, str]]:
    return [{"day": "2025-05-06", "verdict": verdict, "reason": "why"} for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "tone", "said"),
    [
        (("equal", "explained"), GOOD, "2 decisions and trades equal their replay"),
        (("equal", "not compared"), WARN, "1 decision and trade equal their replay"),
        (("not compared",), WARN, "Not compared: 1, first: why."),
        (("different", "not compared"), BAD, "1 decision and trade were compared and 1 differ"),
    ],
)
def test_what_was_not_compared_is_not_counted_as_equal(
    verdicts: tuple[str, ...], tone: str, said: str
) -> None:
    check = parity_check(rows(*verdicts))
    assert check.tone == tone
    assert said in check.text
