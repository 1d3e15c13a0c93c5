"""Looks at models: each target is one hypothesis, and its symbols share what a look may spend.

Models are trained every night, but tested only when a look is due: between looks the p-values of
the last one hold. So a year of trainings is a dozen tests, not hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from flows.engine.provenance import key_of
from flows.settings import MODEL_TARGETS, ResearchSettings
from flows.steps.evidence.hypotheses import (
    Hypothesis,
    Look,
    may_look,
    read_looks,
    record_look,
    spending,
)
from flows.steps.features.features import feature_names
from flows.steps.models.settings import ModelLook
from lake.store import Lake
from trading.research.evidence.budget import NEW_DAYS

RULES = "3"
"""Version of how models are fitted and traded; another one is another hypothesis."""


def model_hypothesis(target: str, settings: ResearchSettings) -> Hypothesis:
    """Return the hypothesis that a target is with its present features and way of fitting.

    Another family, or a search of recipes in its place, is another hypothesis: it must not pass
    by the p-values of the one before.
    """
    training = settings.training
    families: dict[str, str] = {
        "volatility_1h": training.volatility_family,
        "direction_1h": training.direction_family,
    }
    family = "searched" if training.search_minutes > 0.0 else families[target]
    key = key_of(features=list(feature_names()), family=family)
    return Hypothesis("model", target, RULES, key[:16])


def looks_for_training(
    lake: Lake, *, as_of: datetime, settings: ResearchSettings, tested: int
) -> dict[str, ModelLook]:
    """Return for each target what tonight's test may spend, or the last look's p-values.

    ``tested`` is the number of its models: one per symbol, or one for a pool.
    """
    known = tuple(look for look in read_looks(lake) if look.as_of < as_of)
    found = {}
    for target in MODEL_TARGETS:
        hypothesis = model_hypothesis(target, settings)
        own = [look for look in known if look.hypothesis == hypothesis.id]
        if own and as_of - own[-1].as_of < timedelta(days=NEW_DAYS):
            last = own[-1]
            found[target] = ModelLook(
                last.alpha / max(1, int(last.findings["tested"])),
                dict(last.findings["p_values"]),
                f"{last.as_of:%Y-%m-%d}",
            )
        else:
            _, _, alpha = spending(known, target, settings.hypotheses, settings.alpha)
            # Without anything left of the budget nothing is tested, and nothing passes.
            nothing: dict[str, float] | None = None if alpha > 0.0 else {}
            found[target] = ModelLook(alpha / max(1, tested), nothing)
    return found


def record_model_looks(
    lake: Lake,
    *,
    as_of: datetime,
    settings: ResearchSettings,
    p_values: Mapping[str, Mapping[str, float]],
    looks: Mapping[str, ModelLook],
    tested: int,
) -> tuple[Look, ...]:
    """Write tonight's tests, ``p_values`` by target and symbol, into the ledger of looks."""
    recorded = []
    for target in sorted(p_values):
        if looks[target].p_values is not None:
            continue
        known = read_looks(lake)
        hypothesis = model_hypothesis(target, settings)
        if may_look(known, hypothesis, as_of) and p_values[target]:
            look = _look(hypothesis, known, as_of, settings, p_values[target], tested)
            record_look(lake, look)
            recorded.append(look)
    return tuple(recorded)


def _look(
    hypothesis: Hypothesis,
    known: Iterable[Look],
    as_of: datetime,
    settings: ResearchSettings,
    p_values: Mapping[str, float],
    tested: int,
) -> Look:
    names = settings.hypotheses
    number, share, alpha = spending(tuple(known), hypothesis.name, names, settings.alpha)
    measured = {symbol: p for symbol, p in sorted(p_values.items()) if math.isfinite(p)}
    better = [symbol for symbol, p in measured.items() if p <= alpha / max(1, tested)]
    passed = f"better than its opponents on {', '.join(better)}"
    return Look(
        hypothesis=hypothesis.id,
        as_of=as_of,
        kind=hypothesis.kind,
        name=hypothesis.name,
        rules=hypothesis.rules,
        grid=hypothesis.grid,
        look=number,
        share=share,
        alpha=alpha,
        trials=len(p_values),
        days=0,
        symbols=tuple(sorted(p_values)),
        passed=bool(better),
        reason=passed if better else "no better than its opponents on any symbol",
        p_value=min(measured.values(), default=None),
        findings={
            "p_values": measured,
            "tested": max(1, tested),
            "believed": better,
            "trades": 0,
            "members": {},
        },
    )
