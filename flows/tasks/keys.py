"""The keys of steps that run once per symbol, search, or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.engine.request import FlowRequest

SEPARATOR = "/"
POOL = "POOL"
"""The key of a model of all symbols, as `flows.steps.models.pool` names it."""


@dataclass(frozen=True, slots=True)
class StepSummary:
    """What a step did for one key, in one line."""

    sentence: str


def search_keys(request: FlowRequest, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the searches: every strategy on every symbol, ``breakout/BTCUSDT``."""
    return tuple(
        f"{strategy}{SEPARATOR}{symbol}"
        for strategy in request.settings.strategies
        for symbol in symbols
    )


def symbol_of(key: str) -> str:
    """Return the symbol of a key, which may begin with a strategy."""
    return key.rpartition(SEPARATOR)[2]


def model_keys(request: FlowRequest, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the trainings: one per symbol, or one for a pool of many."""
    names = (POOL,) if len(symbols) > request.settings.training.pool_above else symbols
    return tuple(f"models{SEPARATOR}{name}" for name in names)
