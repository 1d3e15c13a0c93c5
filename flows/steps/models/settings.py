"""Settings of the training, and the score of one fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.settings import TrainingSettings
from flows.steps.models.gate import ModelThresholds
from flows.steps.models.split import SplitSettings


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to split, what a round trip costs, and what the gate requires.

    A directional trade needs a forecast beyond ``edge`` × the round-trip cost.
    """

    split: SplitSettings = field(default_factory=SplitSettings)
    round_trip_bp: float = 10.0
    edge: float = 1.5
    limits: ModelThresholds = field(default_factory=ModelThresholds)
    pool_rows: int = 400_000


def train_settings(training: TrainingSettings) -> TrainSettings:
    """Return how the flows train, as a user set it."""
    return TrainSettings(
        split=SplitSettings(window_days=training.window_days), pool_rows=training.pool_rows
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
