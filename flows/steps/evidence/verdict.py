"""The step that gives every strategy its state: look where a look is due, follow what is frozen.

A hypothesis that passed keeps its state and its verdicts until unseen days change it; the nightly
search may move its parameters inside the frozen plateau, which is no look. The step holds a lock,
and a look is written when it is complete: a night that is killed or repeated spends nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flows.settings import ResearchSettings
from flows.steps.evidence.hypotheses import (
    Hypothesis,
    Look,
    hypothesis_of,
    may_look,
    read_looks,
    record_look,
    spending,
)
from flows.steps.evidence.hypothesis_state import Standing, standing_of
from flows.steps.evidence.look import (
    POOLED_TRADES,
    Spending,
    frozen_bounds,
    look_verdicts,
    take_look,
)
from flows.steps.search.optimize import OptimizeEntry
from flows.steps.search.trial_returns import load_trial_returns
from lake.files import exclusive
from lake.releases import StrategyEntry
from lake.store import Lake
from trading.errors import DataError
from trading.research.gates import GateVerdict, proven

PROBES = frozenset({"lookahead", "warmup"})
"""Gates that are asked every night, also of what is frozen."""
_ROUNDING = 1e-9


def weigh(
    lake: Lake,
    *,
    as_of: datetime,
    entries: Sequence[OptimizeEntry],
    settings: ResearchSettings,
) -> tuple[OptimizeEntry, ...]:
    """Return the entries with the state, verdicts and evidence of their hypotheses."""
    found: list[OptimizeEntry] = []
    with exclusive(lake.root / "research" / ".lock", "weighing the evidence", timeout_s=3600.0):
        for name in sorted({item.entry.strategy for item in entries}):
            own = [item for item in entries if item.entry.strategy == name]
            standing = _standing(lake, name, own, as_of, settings)
            found += [_weighed(item, standing) for item in own]
    places = {(item.entry.strategy, item.entry.symbol): n for n, item in enumerate(entries)}
    return tuple(sorted(found, key=lambda item: places[item.entry.strategy, item.entry.symbol]))


def _standing(
    lake: Lake,
    strategy: str,
    entries: Sequence[OptimizeEntry],
    as_of: datetime,
    settings: ResearchSettings,
) -> Standing:
    hypothesis = hypothesis_of(strategy, settings)
    looks = read_looks(lake)
    standing = standing_of(lake, hypothesis, looks, as_of, settings)
    if standing.state != "unproven" or not may_look(looks, hypothesis, as_of):
        return standing
    look = _look(lake, hypothesis, looks, entries, as_of, settings)
    if look is None:
        return standing
    record_look(lake, look)
    return standing_of(lake, hypothesis, read_looks(lake), as_of, settings)


def _look(
    lake: Lake,
    hypothesis: Hypothesis,
    looks: Sequence[Look],
    entries: Sequence[OptimizeEntry],
    as_of: datetime,
    settings: ResearchSettings,
) -> Look | None:
    """Take a look; None if the searches stored no returns, which spends nothing."""
    try:
        returns = {item.entry.symbol: load_trial_returns(lake, item.run) for item in entries}
    except DataError:
        return None
    number, share, alpha = spending(looks, hypothesis.name, settings.hypotheses, settings.alpha)
    spent = Spending(number, share, alpha)
    return take_look(hypothesis, as_of, spent, entries, returns, settings.cash_rate)


def _weighed(found: OptimizeEntry, standing: Standing) -> OptimizeEntry:
    """Give one symbol the state of its hypothesis, if it is among what is frozen."""
    entry, evidence = found.entry, standing.evidence()
    members: Mapping[str, Any] = standing.frozen.findings["members"] if standing.frozen else {}
    member = members.get(entry.symbol)
    if standing.state == "unproven" or member is None:
        if standing.state != "unproven":
            reason = f"{entry.symbol} is not among the symbols of {evidence.hypothesis}"
            evidence = replace(evidence, state="unproven", reason=reason, demoted=False)
        verdicts = _refused(entry, standing.look)
        update = {"proven": False, "verdicts": verdicts, "evidence": evidence}
        return replace(found, entry=entry.model_copy(update=update))
    tonight = tuple(verdict for verdict in entry.verdicts if verdict.name in PROBES)
    verdicts = _frozen_verdicts(standing.frozen, entry.symbol, member) + tonight
    passed = proven(verdicts)
    if not passed:
        failed = next(verdict.text for verdict in verdicts if not verdict.passed)
        evidence = replace(evidence, state="unproven", reason=failed)
    params = entry.params if _inside(entry, member) else member["params"]
    update = {
        "params": params,
        "in_sample": entry.in_sample | frozen_bounds(member["bounds"]),
        "proven": passed,
        "verdicts": verdicts,
        "evidence": evidence,
    }
    return replace(found, entry=entry.model_copy(update=update))


def _refused(entry: StrategyEntry, look: Look | None) -> tuple[GateVerdict, ...]:
    """Return tonight's own verdicts with those of the newest look; without one, nothing passed."""
    if look is None:
        missing = GateVerdict(
            "superior_ability", False, None, 0.0, "no look was taken yet: not passed"
        )
        return (*entry.verdicts, missing)
    own = [verdict for verdict in entry.verdicts if verdict.name != POOLED_TRADES]
    return (*look_verdicts(look, entry.symbol), *own)


def _frozen_verdicts(
    look: Look | None, symbol: str, member: Mapping[str, Any]
) -> tuple[GateVerdict, ...]:
    """Return the verdicts by which a symbol was frozen, but for those that are asked nightly."""
    if look is None:
        return ()
    kept = [GateVerdict(**verdict) for verdict in member["verdicts"]]
    own = [v for v in kept if v.name not in PROBES and v.name != POOLED_TRADES]
    when = f"at the look of {look.as_of:%Y-%m-%d}: "
    return (*look_verdicts(look, symbol), *(replace(v, text=when + v.text) for v in own))


def _inside(entry: StrategyEntry, member: Mapping[str, Any]) -> bool:
    """Whether tonight's parameters lie inside the frozen plateau; other ones must be equal."""
    bounds, frozen = member["bounds"], member["params"]
    if set(entry.params) != set(frozen):
        return False
    for name, value in entry.params.items():
        if name in bounds:
            low, high = bounds[name]
            if not low - _ROUNDING <= float(value) <= high + _ROUNDING:
                return False
        elif value != frozen[name]:
            return False
    return True
