"""What the report says of a model: its gates, and the evidence behind its state."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from flows.report.sections.models import why
from trading.research.evidence.states import HypothesisEvidence, State


def card(state: State | None, *failed: str, proven: bool = False) -> dict[str, Any]:
    names = ("beats_baseline", "superior_ability")
    known = None
    if state is not None:
        known = asdict(HypothesisEvidence("volatility_1h-1", state, "lost", "", 3.2, 60.0, 41))
    verdicts = [{"name": name, "passed": name not in failed} for name in names]
    return {"proven": proven, "verdicts": verdicts, "evidence": known}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            card("proven", proven=True),
            "All 2 gates were passed. proven, E 3.2 of 60 after 41 days.",
        ),
        (card(None, proven=True), "All 2 gates were passed."),
        (
            card("unproven"),
            "Every gate of its own was passed, but its hypothesis is unproven: lost.",
        ),
        (
            card("unproven", "superior_ability"),
            "1 gate of 2 not passed: best of the trials by luck.",
        ),
    ],
)
def test_it_says_what_a_model_rests_on(given: dict[str, Any], sentence: str) -> None:
    assert sentence in why(given)
