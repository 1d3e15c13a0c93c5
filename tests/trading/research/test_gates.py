"""Gates: each one can fail alone and gives its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trading.research.gates import GateEvidence, Thresholds, evaluate_gates, proven

GOOD = GateEvidence(
    trades=45,
    total_return=0.08,
    max_drawdown=0.11,
    superior_ability=0.01,
    loss_probability=0.02,
    plateau=0.8,
    current_return=0.07,
)


def test_a_sound_candidate_passes_every_gate() -> None:
    verdicts = evaluate_gates(GOOD)
    assert [verdict.name for verdict in verdicts] == [
        "out_of_sample_trades",
        "total_return",
        "max_drawdown",
        "superior_ability",
        "loss_probability",
        "plateau",
        "not_worse_than_current",
    ]
    assert proven(verdicts)


@pytest.mark.parametrize(
    ("change", "gate", "value", "threshold", "text"),
    [
        (
            {"trades": 29},
            "out_of_sample_trades",
            29,
            30,
            "29 trades out-of-sample, below the required 30",
        ),
        (
            {"total_return": 0.0, "current_return": None},
            "total_return",
            0.0,
            0.0,
            "out-of-sample return +0.00% after costs: is not above +0.00%",
        ),
        (
            {"max_drawdown": 0.3},
            "max_drawdown",
            0.3,
            0.25,
            "maximum drawdown 30.0% out-of-sample, above the limit of 0.25",
        ),
        (
            {"superior_ability": 0.051},
            "superior_ability",
            0.051,
            0.05,
            "p-value 0.0510 of the best trial being luck, above the limit of 0.05",
        ),
        (
            {"loss_probability": 0.06},
            "loss_probability",
            0.06,
            0.05,
            "the in-sample best loses out-of-sample with probability 0.060, above the limit of"
            " 0.05",
        ),
        (
            {"plateau": 0.5},
            "plateau",
            0.5,
            0.6,
            "50% of the grid neighbours keep the winner's result, below the required 0.6",
        ),
        (
            {"current_return": 0.125},
            "not_worse_than_current",
            0.08,
            0.105,
            "return +8.00% is worse than the current release's +12.50% by more than 2.00%"
            " on the same window",
        ),
    ],
)
def test_one_weakness_fails_only_its_own_gate(
    change: dict[str, float | None], gate: str, value: float, threshold: float, text: str
) -> None:
    verdicts = evaluate_gates(replace(GOOD, **change))  # type: ignore[arg-type]
    failed = [verdict for verdict in verdicts if not verdict.passed]
    assert [verdict.name for verdict in failed] == [gate]
    assert failed[0].value == value
    assert failed[0].threshold == pytest.approx(threshold)
    assert failed[0].text == text
    assert not proven(verdicts)


def test_the_threshold_itself_passes() -> None:
    edge = GateEvidence(30, 1e-9, 0.25, 0.05, 0.05, 0.60, 0.02)
    assert proven(evaluate_gates(edge))


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("field", ["superior_ability", "loss_probability", "plateau"])
def test_a_missing_measure_does_not_pass(field: str, missing: float | None) -> None:
    verdicts = evaluate_gates(replace(GOOD, **{field: missing}))  # type: ignore[arg-type]
    (failed,) = (verdict for verdict in verdicts if not verdict.passed)
    assert failed.name == field
    assert failed.value is None
    assert "could not be measured" in failed.text


def test_a_first_release_is_not_compared() -> None:
    verdicts = evaluate_gates(replace(GOOD, current_return=None))
    assert "not_worse_than_current" not in {verdict.name for verdict in verdicts}
    assert proven(verdicts)


def test_thresholds_can_be_set() -> None:
    assert not proven(evaluate_gates(GOOD, Thresholds(trades=46)))


def test_a_look_spends_a_part_of_the_chance_of_error() -> None:
    share = 0.0025
    weak = replace(GOOD, superior_ability=0.003)
    assert proven(evaluate_gates(weak))
    assert not proven(evaluate_gates(weak, Thresholds(superior_ability=share)))


def test_no_verdicts_prove_nothing() -> None:
    assert not proven(())
