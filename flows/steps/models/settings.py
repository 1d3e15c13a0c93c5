"""Settings of the training, and the score of one fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.settings import ResearchSettings
from flows.steps.models.gate import ModelThresholds
from flows.steps.models.split import SplitSettings
from trading.defaults import FEE_BPS, SLIPPAGE_BPS
from trading.model_targets import MODEL_TARGETS, target_of
from trading.models.families import Recipe

DEFAULT_FAMILY = "lightgbm"


@dataclass(frozen=True, slots=True)
class ModelLook:
    """What the look at a target may spend on each symbol's model.

    Between looks ``p_values`` are those of the look of the day ``taken``, by symbol; otherwise
    None, and the models are tested.
    """

    alpha: float = 0.05
    p_values: Mapping[str, float] | None = None
    taken: str = ""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to split, what a round trip costs, and what the gate requires.

    A directional trade needs a forecast beyond ``edge`` × the round-trip cost. ``looks`` holds the
    look of each target; a target without one is tested alone. ``families`` names the family of
    each target (LightGBM without one); with ``search_seconds`` above 0 family, parameters and
    features of each model are searched, and search and evaluation together take so long.
    """

    split: SplitSettings = field(default_factory=SplitSettings)
    round_trip_bp: float = 2.0 * (FEE_BPS + SLIPPAGE_BPS)
    edge: float = 1.5
    limits: ModelThresholds = field(default_factory=ModelThresholds)
    pool_rows: int = 400_000
    looks: Mapping[str, ModelLook] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    search_seconds: float = 0.0

    def recipe(self, target: str) -> Recipe:
        """Return what is fitted for a target when nothing is searched."""
        return Recipe(self.families.get(target, DEFAULT_FAMILY))


LONGEST_SEARCH_S = 3_000.0
"""The most of one model: the step that trains both models of a symbol ends after two hours."""


def search_share(minutes: float, symbols: int, at_a_time: int = 1) -> float:
    """Return the seconds that each model may search, so that all of them take ``minutes``.

    ``symbols`` (or a pool, which counts as one) are trained ``at_a_time``, their models one after
    the other; a round that is not full lasts as long as a full one.
    """
    rounds = -(-symbols // max(1, at_a_time))
    return min(60.0 * minutes / (max(1, rounds) * len(MODEL_TARGETS)), LONGEST_SEARCH_S)


def families_by_target(settings: ResearchSettings) -> dict[str, str]:
    """Return the family of each target, as a user set it."""
    training = settings.training
    return {
        name: getattr(training, target.family) if target.family else DEFAULT_FAMILY
        for name, target in ((name, target_of(name)) for name in settings.model_targets)
    }


def train_settings(settings: ResearchSettings, symbols: int = 1) -> TrainSettings:
    """Return how the flows train, as a user set it; models pay what every search pays.

    The models of ``symbols`` share the minutes of the search; a pool counts as one.
    """
    training = settings.training
    return TrainSettings(
        split=SplitSettings(window_days=training.window_days),
        round_trip_bp=2.0 * (settings.fee_bps + settings.slippage_bps),
        pool_rows=training.pool_rows,
        families=families_by_target(settings),
        search_seconds=search_share(training.search_minutes, symbols, settings.threads),
    )


@dataclass(frozen=True, slots=True)
class FoldScore:
    """Out-of-sample scores of one fold; spans in ms, half-open; None where nothing was measured."""

    fold: int
    train_from: int
    train_to: int
    test_from: int
    test_to: int
    scores: Mapping[str, float | None]
