"""Hypotheses and the ledger of their looks, which is the table ``looks`` of the lake.

A hypothesis is a strategy with its rules (its version) and its grid; symbols are chosen inside.
Another version or another grid is another hypothesis of the same strategy: it may be looked at at
once, and spends from the same share of the budget.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from flows.engine.provenance import key_of, stable_json
from flows.settings import ResearchSettings
from lake.store import Lake
from lake.tables import LOOKS
from trading.research.evidence.budget import NEW_DAYS, share_of_budget, spent_by_look
from trading.strategies.registry import get_strategy


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """``kind`` is strategy or model; ``rules`` its version, ``grid`` a hash of what is searched."""

    kind: str
    name: str
    rules: str
    grid: str

    @property
    def id(self) -> str:
        """``breakout-1a2b3c4d``: the partition of its looks and of its unseen days."""
        digest = key_of(kind=self.kind, name=self.name, rules=self.rules, grid=self.grid)
        return f"{self.name}-{digest[:8]}"


@dataclass(frozen=True, slots=True)
class Look:
    """One look: when, what it spent, and what it found.

    ``look`` counts the looks of the strategy (over all of its hypotheses), ``share`` is the
    strategy's share of the budget and ``alpha`` what this look spent of it. ``findings`` are those
    of `flows.steps.evidence.look`: what was believed, and what is frozen and followed from then on.
    """

    hypothesis: str
    as_of: datetime
    kind: str
    name: str
    rules: str
    grid: str
    look: int
    share: float
    alpha: float
    trials: int
    days: int
    symbols: tuple[str, ...]
    passed: bool
    reason: str
    p_value: float | None = None
    statistic: float | None = None
    loss_probability: float | None = None
    ruin: float | None = None
    envelope: float | None = None
    findings: Mapping[str, Any] = field(default_factory=dict)


def hypothesis_of(strategy: str, settings: ResearchSettings) -> Hypothesis:
    """Return the hypothesis that ``strategy`` is with its present rules and grid."""
    grids = settings.grids_of(strategy)
    searched = key_of(long=grids.long, recent=grids.recent, fixed=grids.fixed, venue=settings.venue)
    return Hypothesis("strategy", strategy, get_strategy(strategy).version, searched[:16])


def read_looks(lake: Lake) -> tuple[Look, ...]:
    """Return every look that was ever taken, oldest first."""
    rows = lake.read(LOOKS).to_pylist()
    found = [
        Look(
            **{
                **row,
                "symbols": tuple(json.loads(row["symbols"])),
                "passed": bool(row["passed"]),
                "findings": json.loads(row["findings"]),
            }
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda look: (look.as_of, look.hypothesis)))


def record_look(lake: Lake, look: Look) -> None:
    """Add a look to the ledger; a look of the same night is there already and stays as it is."""
    own = [known for known in read_looks(lake) if known.hypothesis == look.hypothesis]
    if any(known.as_of == look.as_of for known in own):
        return
    rows = [_row(known) for known in (*own, look)]
    fields = [LOOKS.schema.field(name) for name in rows[0]]
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    lake.write(LOOKS, table, hypothesis=look.hypothesis)


def _row(look: Look) -> dict[str, Any]:
    row = asdict(look)
    del row["hypothesis"]
    return row | {
        "symbols": json.dumps(look.symbols),
        "passed": int(look.passed),
        "findings": stable_json(look.findings),
    }


def last_look(looks: Iterable[Look], hypothesis: str, as_of: datetime) -> Look | None:
    """Return the newest look of a hypothesis up to ``as_of``."""
    own = [look for look in looks if look.hypothesis == hypothesis and look.as_of <= as_of]
    return own[-1] if own else None


def wants_returns(looks: Iterable[Look], hypothesis: str, as_of: datetime) -> bool:
    """Whether a search at ``as_of`` belongs to a look: none was taken in the last 30 days.

    The look of this very night does not count: a night that is repeated is the same night.
    """
    begin = as_of - timedelta(days=NEW_DAYS)
    own = (look.as_of for look in looks if look.hypothesis == hypothesis)
    return not any(begin < taken < as_of for taken in own)


def may_look(looks: Sequence[Look], hypothesis: Hypothesis, as_of: datetime) -> bool:
    """Whether a new look may be taken: 30 new days since the last, and none is newer.

    The ledger only moves forward: a night of the past reads what was known then.
    """
    newer = any(look.name == hypothesis.name and look.as_of > as_of for look in looks)
    last = last_look(looks, hypothesis.id, as_of)
    due = last is None or as_of - last.as_of >= timedelta(days=NEW_DAYS)
    return due and not newer


def next_look(last: Look) -> datetime:
    """Return when 30 new days have passed."""
    return last.as_of + timedelta(days=NEW_DAYS)


def spending(
    looks: Sequence[Look], name: str, configured: Sequence[str], alpha: float
) -> tuple[int, float, float]:
    """Return number, share and alpha of the next look of ``name``.

    ``configured`` are all names that compete for the budget; those without a share divide most of
    what is left.
    """
    shares = {look.name: look.share for look in looks}
    number = 1 + sum(look.name == name for look in looks)
    opening = [other for other in configured if other not in shares]
    share = shares.get(name)
    if share is None:
        spent = sum(shares.values())
        share = share_of_budget(alpha, spent, len(opening), len(configured))
    return number, share, spent_by_look(share, number)


def hypotheses_opened(looks: Iterable[Look], before: datetime) -> int:
    """Return the number of hypotheses that were looked at before ``before``.

    Looks at that very moment do not count, so that a repeated night finds the same number.
    """
    return len({look.hypothesis for look in looks if look.as_of < before})
