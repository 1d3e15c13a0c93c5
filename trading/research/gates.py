"""Gates: what a parameter set must show before it may trade money.

`evaluate_gates` turns evidence into one verdict per gate, each with its value, its threshold and a
sentence. A set that fails any gate is published as ``unproven``: usable in replay and paper,
refused in live.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits of the gates; shares are fractions (0.25 = 25 %).

    ``superior_ability`` is what the look may spend of the chance of error
    (`trading.research.evidence.budget`).
    """

    superior_ability: float = 0.05
    loss_probability: float = 0.05
    trades: int = 30
    total_return: float = 0.0
    plateau: float = 0.60
    max_drawdown: float = 0.25
    tolerance: float = 0.02


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """Measures of one candidate; None where it could not be measured, which never passes.

    ``trades``, ``total_return`` (a fraction, after costs) and ``max_drawdown`` (a positive
    fraction) are out-of-sample. ``current_return`` is the total return of the released parameters
    over the same window and costs; None if nothing is released yet. ``superior_ability`` is the
    p-value of "no trial of the search earns anything" (Hansen 2005), ``loss_probability`` the
    chance by CSCV that the in-sample best loses out-of-sample.
    """

    trades: int
    total_return: float
    max_drawdown: float
    superior_ability: float | None
    loss_probability: float | None
    plateau: float | None
    current_return: float | None = None


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The verdict of one gate; ``value`` is None where there was nothing to measure."""

    name: str
    passed: bool
    value: float | None
    threshold: float
    text: str


def evaluate_gates(
    evidence: GateEvidence, thresholds: Thresholds | None = None
) -> tuple[GateVerdict, ...]:
    """Return the verdict of every gate, in a fixed order, also after a failure."""
    limits = thresholds or Thresholds()
    own, search = own_gates(evidence, limits), search_gates(evidence, limits)
    return (*own[:3], *search, *own[3:])


def own_gates(evidence: GateEvidence, limits: Thresholds) -> tuple[GateVerdict, ...]:
    """Return the verdicts on one symbol's out-of-sample run and its plateau."""
    verdicts = [
        at_least(
            "out_of_sample_trades",
            evidence.trades,
            limits.trades,
            "{value:.0f} trades out-of-sample",
        ),
        profit(
            "total_return",
            evidence.total_return,
            limits.total_return,
            "out-of-sample return {value:+.2%} after costs",
        ),
        at_most(
            "max_drawdown",
            abs(evidence.max_drawdown),
            limits.max_drawdown,
            "maximum drawdown {value:.1%} out-of-sample",
        ),
        at_least(
            "plateau",
            evidence.plateau,
            limits.plateau,
            "{value:.0%} of the grid neighbours keep the winner's result",
        ),
    ]
    if evidence.current_return is not None:
        verdicts.append(
            _not_worse(evidence.total_return, evidence.current_return, limits.tolerance)
        )
    return tuple(verdicts)


def search_gates(evidence: GateEvidence, limits: Thresholds) -> tuple[GateVerdict, ...]:
    """Return the verdicts on a whole search: whether its best is luck, and whether it lasts."""
    return (
        at_most(
            "superior_ability",
            evidence.superior_ability,
            limits.superior_ability,
            "p-value {value:.4f} of the best trial being luck",
        ),
        at_most(
            "loss_probability",
            evidence.loss_probability,
            limits.loss_probability,
            "the in-sample best loses out-of-sample with probability {value:.3f}",
        ),
    )


def proven(verdicts: Iterable[GateVerdict]) -> bool:
    """Return whether every gate passed; without verdicts nothing is proven."""
    answers = [verdict.passed for verdict in verdicts]
    return bool(answers) and all(answers)


def _measured(value: float | None) -> float | None:
    """Return a finite value, otherwise None."""
    return None if value is None or not math.isfinite(value) else value


def _unmeasured(name: str, threshold: float, required: str) -> GateVerdict:
    """Return a verdict on nothing, which never passes; ``required`` says what would have."""
    sentence = f"{name.replace('_', ' ')} could not be measured: not passed, {required} is required"
    return GateVerdict(name, False, None, threshold, sentence)


def _number(value: float) -> str:
    return f"{value:g}"


def at_least(name: str, value: float | None, threshold: float, text: str) -> GateVerdict:
    """Require a value of at least ``threshold``; ``text`` formats ``{value}``."""
    measured = _measured(value)
    if measured is None:
        return _unmeasured(name, threshold, f"at least {_number(threshold)}")
    passed = measured >= threshold
    relation = "at least" if passed else "below"
    sentence = f"{text.format(value=measured)}, {relation} the required {_number(threshold)}"
    return GateVerdict(name, passed, measured, threshold, sentence)


def at_most(name: str, value: float | None, threshold: float, text: str) -> GateVerdict:
    """Require a value of at most ``threshold``; ``text`` formats ``{value}``."""
    measured = _measured(value)
    if measured is None:
        return _unmeasured(name, threshold, f"at most {_number(threshold)}")
    passed = measured <= threshold
    relation = "within" if passed else "above"
    sentence = f"{text.format(value=measured)}, {relation} the limit of {_number(threshold)}"
    return GateVerdict(name, passed, measured, threshold, sentence)


def profit(name: str, value: float | None, threshold: float, text: str) -> GateVerdict:
    """Require a return above ``threshold``; ``text`` formats ``{value}``."""
    measured = _measured(value)
    if measured is None:
        return _unmeasured(name, threshold, f"more than {threshold:+.2%}")
    passed = measured > threshold
    relation = "is above" if passed else "is not above"
    sentence = f"{text.format(value=measured)}: {relation} {threshold:+.2%}"
    return GateVerdict(name, passed, measured, threshold, sentence)


def _not_worse(value: float, current: float, tolerance: float) -> GateVerdict:
    threshold = current - tolerance
    measured = _measured(value)
    if measured is None or not math.isfinite(current):
        known = math.isfinite(threshold)
        required = f"at least {threshold:+.2%}" if known else "the current release's return"
        return _unmeasured("not_worse_than_current", threshold, required)
    passed = measured >= threshold
    relation = "is not worse" if passed else "is worse"
    sentence = (
        f"return {measured:+.2%} {relation} than the current release's {current:+.2%}"
        f" by more than {tolerance:.2%} on the same window"
    )
    return GateVerdict("not_worse_than_current", passed, measured, threshold, sentence)
