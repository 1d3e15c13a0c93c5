"""Settings of the searches: the folds of the walk-forward, and each strategy's grids."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Objective = Literal["deflated_sharpe", "sharpe", "total_return", "win_rate", "profit_factor"]


class WalkForwardSettings(BaseModel):
    """Folds over the long history; lengths in days.

    Rolling folds train on the last ``train_days``, anchored ones on the whole history before
    the test, at least ``train_days``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Literal["rolling", "anchored"] = "rolling"

    train_days: int = Field(default=14, ge=2, le=3650)
    test_days: int = Field(default=5, ge=1, le=365)
    purge_days: int = Field(default=1, ge=0, le=30)
    embargo_days: int = Field(default=0, ge=0, le=30)


class StrategyGrids(BaseModel):
    """The grids of one strategy: ``name = "from:to:step"`` or ``"a,b,c"``, ends included.

    ``long`` is the coarse grid of the walk-forward, ``recent`` the fine one over the last days;
    ``fixed`` holds parameters set in both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    long: dict[str, str] = Field(min_length=1)
    recent: dict[str, str] = Field(min_length=1)
    fixed: dict[str, str | float | int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _same_names(self) -> StrategyGrids:
        if set(self.long) != set(self.recent):
            raise ValueError("the long and the recent grid must vary the same parameters")
        return self


_STOPS_LONG = {"take_profit": "0.03,0.06,0.10", "stop_loss": "0.01,0.03"}
_STOPS_RECENT = {"take_profit": "0.03:0.10:0.01", "stop_loss": "0.01:0.03:0.01"}

# What each strategy's search varies besides target and stop: parameter, coarse and fine grid.
_OWN_AXES = {
    "bb_breakout": ("volume_factor", "1.0,1.2,1.5", "1.0:1.6:0.1"),
    "combined": ("min_mean", "0.45,0.5,0.55", "0.45:0.6:0.05"),
    "dynamic_breakout": ("adx_entry", "20,25,30", "18:30:2"),
    "ml": ("least_move", "0.0005,0.001,0.002", "0.0005:0.002:0.0005"),
    "momentum": ("rank_entry", "0.85,0.9,0.95", "0.85:0.95:0.05"),
    "pullback": ("rsi_entry", "45,50,55", "44:56:2"),
    "wave": ("swing_atr", "1.5,2,2.5", "1.5:2.5:0.25"),
}


# The ICT strategies have structural stops and liquidity targets instead.
_ICT_AXIS = {
    "ict_aggressive": ("gap_window", "3,5,8", "3:8:1"),
    "ict_conservative": ("break_age", "12,24,48", "12:48:6"),
    "ict_mixed": ("sweep_window", "10,20,30", "10:30:5"),
}


# Filters stay on: without them entries are many and poor. A few weeks of history have
# hardly any filtered signals, so the demo's preset turns them off (config/presets/demo.toml).
def default_grids() -> dict[str, StrategyGrids]:
    """Return the grids of the built-in strategies, by name."""
    grids = {
        "breakout": StrategyGrids(
            long={
                "k": "0.4:0.6:0.1",
                "take_profit": "0.03,0.06,0.10",
                "stop_loss": "0.01,0.03,0.05",
            },
            recent={
                "k": "0.4:0.6:0.05",
                "take_profit": "0.03:0.10:0.01",
                "stop_loss": "0.01:0.05:0.01",
            },
        ),
        "rsi_bollinger": StrategyGrids(
            long={"take_profit": "0.01,0.03,0.05", "stop_loss": "0.01,0.02,0.03"},
            recent={"take_profit": "0.01:0.05:0.01", "stop_loss": "0.01:0.03:0.005"},
        ),
        "surge": StrategyGrids(
            long={"m1_needed": "5,6", "half_close": "0.06,0.10"},
            recent={"m1_needed": "5,6", "half_close": "0.06:0.12:0.02"},
        ),
    }
    for name, (axis, coarse, fine) in _OWN_AXES.items():
        grids[name] = StrategyGrids(
            long={axis: coarse, **_STOPS_LONG}, recent={axis: fine, **_STOPS_RECENT}
        )
    for name, (axis, coarse, fine) in _ICT_AXIS.items():
        grids[name] = StrategyGrids(
            long={axis: coarse, "min_reward": "0,1,2"}, recent={axis: fine, "min_reward": "0:2:0.5"}
        )
    return grids
