"""Releases: the contract between the research flows and the executor.

The flows `publish`, the executor does `read_current`; both see a lake's folder ``published`` only
(``root`` everywhere). See `lake.manifest` for what a release says, `lake.release_reader` for what
is verified and `lake.publishing` for how `current` moves.
"""

from __future__ import annotations

from lake.ensemble_file import Ensemble, Member, SymbolRegime, member_name, read_ensemble
from lake.manifest import VALIDITY, FlowRun, LeftOut, ReleaseFile, StrategyEntry
from lake.partitions import PartitionRef
from lake.publishing import Candidate, NewFile, Published, publish, rollback
from lake.release_diff import ReleaseDiff, diff_releases
from lake.release_reader import (
    Mode,
    Release,
    ReleaseSummary,
    current_release,
    list_releases,
    read_current,
    read_release,
)
from lake.universe_file import Universe, read_universe

__all__ = [
    "VALIDITY",
    "Candidate",
    "Ensemble",
    "FlowRun",
    "LeftOut",
    "Member",
    "Mode",
    "NewFile",
    "PartitionRef",
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
    "publish",
    "read_current",
    "read_ensemble",
    "read_release",
    "read_universe",
    "rollback",
]
