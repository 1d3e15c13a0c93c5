"""Releases: the contract between the research flows and the executor.

The flows call `publish`, the executor calls `read_current`; both see only a lake's folder
``published`` (``root`` everywhere). See `lake.releases.manifest` for what a release contains,
`lake.releases.reader` for what is verified and `lake.releases.publisher` for how ``current`` moves.
"""

from __future__ import annotations

from lake.partitions import PartitionRef
from lake.releases.candidate import Candidate, NewFile
from lake.releases.diff import ReleaseDiff, diff_releases
from lake.releases.ensemble_file import (
    Ensemble,
    Member,
    SymbolRegime,
    WeightChoice,
    member_name,
    read_ensemble,
)
from lake.releases.forecast_file import (
    FORECASTS,
    Forecasts,
    ForecastSeries,
    KnownForecast,
    read_forecasts,
    write_forecasts,
)
from lake.releases.manifest import VALIDITY, FlowRun, LeftOut, ReleaseFile, StrategyEntry
from lake.releases.publisher import Published, publish, rollback
from lake.releases.reader import (
    Mode,
    Release,
    ReleaseSummary,
    current_release,
    list_releases,
    read_current,
    read_release,
)
from lake.releases.retention import KEEP_DAYS, KEEP_LAST, Pruned, prune
from lake.releases.universe_file import Universe, read_universe

__all__ = [
    "FORECASTS",
    "KEEP_DAYS",
    "KEEP_LAST",
    "VALIDITY",
    "Candidate",
    "Ensemble",
    "FlowRun",
    "ForecastSeries",
    "Forecasts",
    "KnownForecast",
    "LeftOut",
    "Member",
    "Mode",
    "NewFile",
    "PartitionRef",
    "Pruned",
    "Published",
    "Release",
    "ReleaseDiff",
    "ReleaseFile",
    "ReleaseSummary",
    "StrategyEntry",
    "SymbolRegime",
    "Universe",
    "current_release",
    "diff_releases",
    "list_releases",
    "member_name",
    "prune",
    "publish",
    "read_current",
    "WeightChoice",
    "read_ensemble",
    "read_forecasts",
    "read_release",
    "read_universe",
    "rollback",
    "write_forecasts",
]
