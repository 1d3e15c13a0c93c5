"""How much of its limits a strategy may use: what is known of it decides."""

from __future__ import annotations

from dataclasses import dataclass

from lake.releases import StrategyEntry
from trading.research.evidence.states import share_of_limits


@dataclass(frozen=True, slots=True)
class EvidenceSize:
    """``share`` of every limit of size, and a sentence on the evidence behind it."""

    share: float = 1.0
    evidence: str = ""


FULL_SIZE = EvidenceSize()


def size_by_evidence(entry: StrategyEntry, probation: float | None) -> EvidenceSize:
    """The size of an entry's positions; without ``probation`` (replay, paper, testnet) it is full.

    ``probation`` is the share of the limits for a strategy that has no evidence of its own yet.
    """
    known = entry.evidence
    e_value = known.e_value if known is not None else 1.0
    evidence = known.sentence if known is not None else entry.state
    if probation is None:
        return EvidenceSize(1.0, evidence)
    return EvidenceSize(share_of_limits(entry.state, e_value, probation), evidence)
