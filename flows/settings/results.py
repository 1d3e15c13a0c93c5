"""Settings of what comes out of a night: models, releases, the report, and its comparison."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator


class TrainingSettings(BaseModel):
    """How much the models learn from; see `docs/learning.md`.

    Beyond ``pool_above`` symbols one model is trained for all, on at most ``pool_rows`` rows. The
    models of a night share ``search_minutes`` (of the clock) for the search of their families,
    parameters and features; none takes more than 50 of them, because both models of a symbol have
    to be trained within the two hours of their step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int = Field(default=90, ge=14, le=3650)
    pool_above: int = Field(default=20, ge=0, le=10_000)
    pool_rows: int = Field(default=400_000, ge=10_000, le=10_000_000)
    volatility_family: Literal["har", "ridge", "lightgbm", "forest"] = "lightgbm"
    direction_family: Literal["ridge", "logistic", "lightgbm", "forest"] = "lightgbm"
    search_minutes: float = Field(default=0.0, ge=0, le=1_440)
    entries: bool = Field(
        default=False, description="also train, for each strategy, which of its entries win"
    )


class RetentionSettings(BaseModel):
    """How long releases are kept; what a ledger names stays longer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: int = Field(default=30, ge=1, le=3650)
    last: int = Field(default=3, ge=1, le=1000)


class ParitySettings(BaseModel):
    """When live trading differs from its replay: a gap of prices beyond ``band`` of the entry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    band: float = Field(default=0.005, gt=0, le=1)


class ReportSettings(BaseModel):
    """How the report, its summary and the pages of ``--html`` read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["en", "ko"] = "en"
    timezone: str = Field(default="UTC", description="of every time that is shown")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name if name[:1].isupper() else "")  # no browser knows `localtime`
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a time zone; write one such as Asia/Seoul or UTC") from error
        return name
