"""Looks at models: one test in thirty days, and the symbols share what it may spend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.settings import ResearchSettings
from flows.steps.evidence.hypotheses import Look, read_looks, record_look, spending
from flows.steps.evidence.model_looks import looks_for_training, record_model_looks
from flows.steps.evidence.verdict import weigh
from lake.store import Lake
from tests.flows.steps.evidence.hypothesis_lake import AS_OF, SETTINGS, later, searched

WITH_MODELS = SETTINGS.model_copy(update={"models": True})
SHARE = 0.05 * 0.8 / 3
"""One strategy and two targets."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def night(
    lake: Lake, days: float, p_value: float, settings: ResearchSettings = WITH_MODELS
) -> tuple[Look, ...]:
    looks = looks_for_training(lake, as_of=later(days), settings=settings, tested=2)
    tested = {target: {"BTCUSDT": p_value, "ETHUSDT": 0.5} for target in looks}
    return record_model_looks(
        lake, as_of=later(days), settings=settings, p_values=tested, looks=looks, tested=2
    )


def test_the_symbols_of_a_target_share_what_its_look_spends(lake: Lake) -> None:
    looks = looks_for_training(lake, as_of=AS_OF, settings=WITH_MODELS, tested=2)
    assert looks["direction_1h"].alpha == pytest.approx(SHARE / 2 / 2)
    assert looks["direction_1h"].p_values is None
    first, second = night(lake, 0, 0.001)
    assert {first.name, second.name} == {"direction_1h", "volatility_1h"}
    assert first.alpha == pytest.approx(SHARE / 2)
    assert first.passed
    assert first.findings["believed"] == ["BTCUSDT"]


def test_between_looks_the_models_are_not_tested_again(lake: Lake) -> None:
    night(lake, 0, 0.2)
    assert night(lake, 10, 0.0001) == ()
    kept = looks_for_training(lake, as_of=later(10), settings=WITH_MODELS, tested=2)["direction_1h"]
    assert kept.p_values == {"BTCUSDT": 0.2, "ETHUSDT": 0.5}
    assert (kept.alpha, kept.taken) == (pytest.approx(SHARE / 4), "2025-06-20")
    (second, _) = night(lake, 30, 0.0001)
    assert (second.look, second.alpha) == (2, pytest.approx(SHARE / 6))


@pytest.mark.parametrize("change", [{"direction_family": "ridge"}, {"search_minutes": 5.0}])
def test_another_way_of_fitting_does_not_pass_by_the_last_p_values(
    lake: Lake, change: dict[str, object]
) -> None:
    night(lake, 0, 0.0001)
    training = WITH_MODELS.training.model_copy(update=change)
    changed = WITH_MODELS.model_copy(update={"training": training})
    look = looks_for_training(lake, as_of=later(1), settings=changed, tested=2)["direction_1h"]
    assert look.p_values is None
    assert look.alpha < SHARE / 2 / 2  # the second look of the target
    (second, *_) = night(lake, 1, 0.2, changed)
    assert (second.name, second.look) == ("direction_1h", 2)


def test_a_repeated_night_tests_with_the_same_threshold_and_spends_nothing(lake: Lake) -> None:
    before = looks_for_training(lake, as_of=AS_OF, settings=WITH_MODELS, tested=2)
    night(lake, 0, 0.2)
    assert looks_for_training(lake, as_of=AS_OF, settings=WITH_MODELS, tested=2) == before
    assert night(lake, 0, 0.0001) == ()
    assert len(read_looks(lake)) == 2


def test_the_order_of_strategies_and_models_does_not_change_their_shares(lake: Lake) -> None:
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=WITH_MODELS)
    night(lake, 0, 0.2)
    assert [look.share for look in read_looks(lake)] == pytest.approx([SHARE] * 3)


def test_a_p_value_that_could_not_be_measured_is_none(lake: Lake) -> None:
    (look, _) = night(lake, 0, float("nan"))
    assert look.findings["p_values"] == {"ETHUSDT": 0.5}
    assert not look.passed


def test_a_budget_that_is_spent_tests_nothing(lake: Lake) -> None:
    night(lake, 0, 0.2)
    poorer = WITH_MODELS.model_copy(update={"alpha": 1e-6, "strategies": ("pullback",)})
    late = looks_for_training(lake, as_of=later(1), settings=poorer, tested=2)
    assert late["direction_1h"].p_values == {"BTCUSDT": 0.2, "ETHUSDT": 0.5}
    number, share, alpha = spending(read_looks(lake), "pullback", poorer.hypotheses, 1e-6)
    assert (number, share, alpha) == (1, 0.0, 0.0)


def test_without_a_share_a_target_is_not_tested(lake: Lake) -> None:
    crowded = WITH_MODELS.model_copy(update={"strategies": ("breakout",)})
    for name in ("breakout", "pullback"):
        record_look(lake, replace(spent(name), share=0.025))
    looks = looks_for_training(lake, as_of=later(1), settings=crowded, tested=2)
    assert (looks["direction_1h"].alpha, looks["direction_1h"].p_values) == (0.0, {})


def spent(name: str) -> Look:
    return Look(
        f"{name}-0", AS_OF, "strategy", name, "1", "g", 1, 0.05, 0.025, 9, 90, (), False, ""
    )
