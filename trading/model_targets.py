"""The targets of models: what each one forecasts. A new target is one entry of `MODEL_TARGETS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trading.errors import ParameterError

TargetTask = Literal["level", "return", "chance"]


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """One target: its name in releases, forecasts and reports, and how it is learned.

    ``task`` says how it is fitted, compared and gated: a level has to beat the last value and HAR,
    a return has to earn its costs, a chance has to earn more than all entries do. ``label`` names
    the column of the training rows that it learns. A ``logarithmic`` target is learned as a
    logarithm, published as the positive number, and compared with its usual value. ``family`` is
    the setting of ``[training]`` that names its family; a target without one is learned by
    LightGBM.
    """

    name: str
    task: TargetTask
    label: str
    title: str
    logarithmic: bool = False
    family: str = ""


VOLATILITY, DIRECTION = "volatility_1h", "direction_1h"

_TARGETS = (
    ModelTarget(
        VOLATILITY,
        "level",
        "log_volatility",
        "Log volatility of the next hour",
        logarithmic=True,
        family="volatility_family",
    ),
    ModelTarget(
        DIRECTION,
        "return",
        "log_return",
        "Direction of the next hour",
        family="direction_family",
    ),
)
MODEL_TARGETS: Mapping[str, ModelTarget] = {one.name: one for one in _TARGETS}
"""Every target by name, in the order of training."""


_ENTRY = "entry_"


def entry_target(strategy: str) -> str:
    """Return the name of the target "an entry of this strategy earns its costs"."""
    return f"{_ENTRY}{strategy}"


def is_entry_target(name: str) -> bool:
    """Whether a target is that of a strategy's entries; which strategies there are is not asked."""
    return name.startswith(_ENTRY) and name != _ENTRY


def strategy_of(target: str) -> str:
    """Return the strategy whose entries a target is about."""
    return target.removeprefix(_ENTRY)


def target_of(name: str) -> ModelTarget:
    """Return a target; `ParameterError` for an unknown name."""
    if is_entry_target(name):
        title = f"Entries of {strategy_of(name)}"
        return ModelTarget(name, "chance", "won", title)
    if name not in MODEL_TARGETS:
        raise ParameterError(
            f"there is no model target '{name}'; choose from {', '.join(MODEL_TARGETS)}"
        )
    return MODEL_TARGETS[name]
