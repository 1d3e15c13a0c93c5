"""Make a release of what the searches and the training found; promote it unless it is worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flows.engine.provenance import git_commit
from flows.steps.release.ensemble_weights import build_ensemble
from flows.steps.search.optimize import OptimizeEntry
from lake.partitions import PartitionRef
from lake.releases import (
    Candidate,
    FlowRun,
    LeftOut,
    NewFile,
    Published,
    StrategyEntry,
)
from lake.releases import publish as publish_release
from lake.store import Lake
from lake.tables import CANDLES, RAW_CANDLES
from trading.errors import DataError


@dataclass(frozen=True, slots=True)
class LeftOutReason:
    """A symbol (of one strategy or model, or of all) that the run could not use, and why."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrainedModels:
    """What training adds to a release: its files and the partitions that it read.

    ``left_out`` are symbols that a pool could not use, ``p_values`` those of tonight's tests, by
    target. ``drifted`` are models whose errors of the last day are unlike those before.
    """

    symbol: str
    sentence: str
    files: tuple[NewFile, ...]
    fingerprint: tuple[PartitionRef, ...]
    left_out: tuple[LeftOutReason, ...] = ()
    p_values: Mapping[str, float] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What became of the candidate; ``proven``: every strategy in it passed the gates."""

    release_id: str
    promoted: bool
    reason: str
    proven: bool

    @property
    def sentence(self) -> str:
        """One line for a person."""
        state = "proven" if self.proven else "unproven: for replay and paper, refused in live"
        verb = "promoted" if self.promoted else "not promoted"
        return f"release {self.release_id} ({state}) {verb}: {self.reason}"


def publish(
    lake: Lake,
    *,
    as_of: datetime,
    now: datetime,
    entries: Sequence[OptimizeEntry],
    trained: Sequence[TrainedModels],
    left_out: Sequence[LeftOutReason],
    flow_run: FlowRun,
) -> PublishResult:
    """Publish one release of all strategies and models; the same content again changes nothing.

    The release also says how its strategies share the account
    (`flows.steps.release.ensemble_weights`). ``now`` is wall time. The fingerprint holds every
    partition that was read, from the raw candles on. Raises `DataError` when no strategy has a
    result.
    """
    if not entries:
        raise DataError("there is nothing to publish: no strategy has a result for any symbol")
    strategies = tuple(found.entry for found in entries)
    ensemble, bars = build_ensemble(lake, as_of, entries)
    candidate = Candidate(
        as_of=as_of,
        fingerprint=fingerprint_of(lake, as_of, entries, trained, bars),
        flow_run=flow_run,
        git_commit=git_commit(),
        strategies=strategies,
        files=(ensemble, *(file for model in trained for file in model.files)),
        left_out=tuple(
            LeftOut(symbol=item.symbol, reason=item.reason)
            for item in sorted(left_out, key=lambda item: (item.symbol, item.reason))
        ),
    )
    published = publish_release(lake.published, candidate, now)
    return describe(published, strategies)


def describe(published: Published, strategies: Sequence[StrategyEntry]) -> PublishResult:
    """Return the result of publishing ``strategies``."""
    return PublishResult(
        release_id=published.release_id,
        promoted=published.promoted,
        reason=published.reason,
        proven=bool(strategies) and all(entry.proven for entry in strategies),
    )


def fingerprint_of(
    lake: Lake,
    as_of: datetime,
    entries: Sequence[OptimizeEntry],
    trained: Sequence[TrainedModels],
    bars: Sequence[PartitionRef] = (),
) -> tuple[PartitionRef, ...]:
    """Return the partitions read by searches, training and regimes, down to the raw candles."""
    read = {ref.path: ref for found in entries for ref in found.fingerprint}
    read |= {ref.path: ref for model in trained for ref in model.fingerprint}
    read |= {ref.path: ref for ref in bars}
    checked = [ref for ref in read.values() if (ref.layer, ref.table) == ("checked", CANDLES.name)]
    for ref in checked:
        read |= {raw.path: raw for raw in lake.fingerprint(RAW_CANDLES, as_of, **ref.partition)}
    return tuple(read[path] for path in sorted(read))
