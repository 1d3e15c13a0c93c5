"""The models of one symbol, or of the pool, go on together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows import tasks
from flows.engine.request import FlowRequest
from flows.settings import ResearchSettings
from flows.steps.release.publish import TrainedModels
from flows.steps.search.optimize import OptimizeEntry
from lake.releases import NewFile


def models(symbol: str, target: str) -> TrainedModels:
    files = (NewFile(f"models/{target}-{symbol}.json", "model", b"{}"),)
    return TrainedModels(symbol, target, files, (), p_values={target: 0.5})


def test_models_of_one_symbol_are_merged() -> None:
    pool, entries, other = (
        models("POOL", "volatility_1h"),
        models("POOL", "entry_breakout"),
        models("BTCUSDT", "direction_1h"),
    )
    first, second = tasks.merged([pool, other, entries])
    assert (first.symbol, second.symbol) == ("POOL", "BTCUSDT")
    assert first.p_values == {"volatility_1h": 0.5, "entry_breakout": 0.5}
    assert len(first.files) == 2
    assert first.sentence == "volatility_1h; entry_breakout"


@pytest.mark.parametrize(("wanted", "keys"), [(True, ("breakout/POOL", "ml/POOL")), (False, ())])
def test_entries_are_trained_by_strategy_where_the_settings_want_it(
    wanted: bool, keys: tuple[str, ...]
) -> None:
    settings = ResearchSettings(training={"entries": wanted})  # type: ignore[arg-type]
    named = [
        cast(OptimizeEntry, SimpleNamespace(entry=SimpleNamespace(strategy=name, symbol=symbol)))
        for name in ("breakout", "ml")
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    request: Any = SimpleNamespace(settings=settings)
    assert tasks.entry_keys(cast(FlowRequest, request), named) == keys
