"""The exits and the size of a strategy, kept for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from executor.portfolio.position_state import exit_rules_of, live_rules_of, sizing_of
from trading.positions.position import ExitRules
from trading.positions.sizing import Sizing


@dataclass
class Unhashable:
    """A strategy of a user's own: an ordinary dataclass, which has no hash."""

    seen: list[float] = field(default_factory=list)

    def exit_rules(self, params: Mapping[str, float]) -> ExitRules:
        """The stop of the parameters."""
        return ExitRules(stop_loss=params["stop"])

    def live_rules(self, params: Mapping[str, float], leverage: int) -> ExitRules:
        """The same at a leverage."""
        return ExitRules(stop_loss=params["stop"], leverage=leverage)

    def sizing(self, params: Mapping[str, float]) -> Sizing:
        """The share of the parameters."""
        return Sizing(params["share"])


def test_a_strategy_without_a_hash_trades_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Unhashable()
    with pytest.raises(TypeError):
        hash(own)
    monkeypatch.setattr("executor.portfolio.position_state.get_strategy", lambda _name: own)
    for stop in (0.02, 0.03, 0.02):
        params = {"stop": stop, "share": stop * 2}
        assert exit_rules_of("without_a_hash", params).stop_loss == stop
        assert live_rules_of("without_a_hash", params, 3).leverage == 3
        assert sizing_of("without_a_hash", params).share == stop * 2
