"""One place names the targets of models; everything else follows from it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import cast

import pytest

from flows.settings import ResearchSettings
from flows.steps.evidence.model_looks import model_hypothesis
from flows.steps.models.settings import families_by_target, train_settings
from trading import model_targets
from trading.errors import ParameterError
from trading.model_targets import MODEL_TARGETS, ModelTarget, target_of

ROOT = Path(model_targets.__file__).parents[1]
ROOMS = ("trading", "lake", "flows", "executor", "dashboard", "nocturne", "cli", "benchmarks")
HOME = Path(model_targets.__file__)
CALM = ModelTarget("calm_1h", "level", "log_volatility", "Calm of the next hour")


def spelled() -> list[str]:
    """Return where a module other than the registry spells the name of a target."""
    found = []
    for path in [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        if path != HOME and any(word in MODEL_TARGETS for word in words if isinstance(word, str)):
            found.append(path.relative_to(ROOT).as_posix())
    return found


def test_only_the_registry_spells_the_name_of_a_target() -> None:
    assert spelled() == []


def test_a_new_target_has_a_family_and_a_hypothesis_without_another_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(cast("dict[str, ModelTarget]", MODEL_TARGETS), CALM.name, CALM)
    settings = ResearchSettings()
    assert families_by_target(settings)[CALM.name] == "lightgbm"
    assert train_settings(settings).recipe(CALM.name).family == "lightgbm"
    assert CALM.name in settings.hypotheses
    assert model_hypothesis(CALM.name, settings).name == CALM.name


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="no model target 'weather'; choose from volatility"):
        target_of("weather")
