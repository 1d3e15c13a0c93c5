"""Looks at models: each target is one hypothesis, and its symbols share what a look may spend.

Models are trained every night, but tested only when a look is due: between looks the p-values of
the last one hold. So a year of trainings is a dozen tests, not hundreds. What passes is frozen, as
parameters are: the release holds the frozen models, not those of the night, for as long as the days
that they never saw leave them proven. Then a new look, at the models of its night, is due.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from flows.engine.provenance import key_of
from flows.settings import ResearchSettings
from flows.steps.evidence.frozen_models import keep_frozen, read_frozen
from flows.steps.evidence.hypotheses import (
    Hypothesis,
    Look,
    may_look,
    read_looks,
    record_look,
    spending,
)
from flows.steps.evidence.hypothesis_state import Standing, standing_of
from flows.steps.evidence.look import Spending, ruin_of
from flows.steps.evidence.unseen_days import state_of
from flows.steps.features.features import feature_names
from flows.steps.models.results import ModelResult, describe
from flows.steps.models.settings import ModelLook, families_by_target
from flows.steps.release.publish import TrainedModels
from lake.files import exclusive
from lake.releases import NewFile
from lake.store import Lake
from trading.candles import Floats
from trading.model_targets import is_entry_target
from trading.research.evidence.budget import NEW_DAYS
from trading.research.evidence.ruin import RuinRisk
from trading.research.evidence.sequential import stakes_for
from trading.research.gates import Thresholds

RULES = "4"
"""Version of how models are fitted, traded and frozen; another one is another hypothesis."""
TONIGHT = frozenset({"leak_alarm", "drift"})
"""Gates that are asked every night, also of what is frozen."""
_POOL = "POOL"


def model_hypothesis(target: str, settings: ResearchSettings) -> Hypothesis:
    """Return the hypothesis that a target is with its present features and way of fitting.

    Another family, or a search of recipes in its place, is another hypothesis: it must not pass
    by the p-values of the one before.
    """
    training = settings.training
    searched = training.search_minutes > 0.0 and not is_entry_target(target)
    family = "searched" if searched else families_by_target(settings)[target]
    key = key_of(features=list(feature_names()), family=family)
    return Hypothesis("model", target, RULES, key[:16])


def looks_for_training(
    lake: Lake, *, as_of: datetime, settings: ResearchSettings, tested: int
) -> dict[str, ModelLook]:
    """Return for each target what tonight's test may spend, or the last look's p-values.

    ``tested`` is the number of its models: one per symbol, or one for a pool. A target whose frozen
    models were not refused by a day up to last night's is not tested.
    """
    known = tuple(look for look in read_looks(lake) if look.as_of < as_of)
    found = {}
    for target in settings.model_targets:
        hypothesis = model_hypothesis(target, settings)
        own = [look for look in known if look.hypothesis == hypothesis.id]
        if own and not _due(lake, own, as_of):
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
            models = 1 if is_entry_target(target) else tested
            found[target] = ModelLook(alpha / max(1, models), nothing)
    return found


def _due(lake: Lake, own: Sequence[Look], as_of: datetime) -> bool:
    """Whether 30 new days have passed since the last look, and nothing frozen is still proven."""
    if as_of - own[-1].as_of < timedelta(days=NEW_DAYS):
        return False
    frozen = next((look for look in reversed(own) if look.passed), None)
    return frozen is None or state_of(lake, frozen, as_of - timedelta(days=1)) == "unproven"


def weigh_models(
    lake: Lake,
    *,
    as_of: datetime,
    settings: ResearchSettings,
    trained: Sequence[TrainedModels],
    symbols: Sequence[str],
) -> tuple[TrainedModels, ...]:
    """Return what was trained tonight with the state and evidence of its hypotheses.

    Looks where one is due, follows what is frozen, and puts frozen models in the place of those of
    the night. ``symbols`` are all that were to be trained, or those of a pool.
    """
    night = _Night(lake, as_of, settings, tuple(symbols))
    pooled = any(one.symbol == _POOL and not _entries_only(one) for one in trained)
    tested = 1 if pooled else max(1, len(symbols))
    with exclusive(lake.root / "research" / ".lock", "weighing the evidence", timeout_s=3600.0):
        models = {one.symbol: _models_of(one) for one in trained}
        standings = {}
        for target in settings.model_targets:
            p_values = {
                one.symbol: one.p_values[target] for one in trained if target in one.p_values
            }
            own = {symbol: found[target] for symbol, found in models.items() if target in found}
            models_tested = 1 if is_entry_target(target) else tested
            standings[target] = night.standing(target, p_values, own, models_tested)
        return tuple(night.weighed(one, models[one.symbol], standings) for one in trained)


@dataclass(frozen=True, slots=True)
class _Night:
    """The lake at one moment, and the symbols of a pool."""

    lake: Lake
    as_of: datetime
    settings: ResearchSettings
    symbols: tuple[str, ...]

    def standing(
        self,
        target: str,
        p_values: Mapping[str, float],
        models: Mapping[str, ModelResult],
        tested: int,
    ) -> Standing:
        """Take the look of a target if it was tested tonight, and return what is known of it."""
        lake, as_of, settings = self.lake, self.as_of, self.settings
        hypothesis = model_hypothesis(target, settings)
        looks = read_looks(lake)
        was_tested = looks_for_training(lake, as_of=as_of, settings=settings, tested=tested)
        found = standing_of(lake, hypothesis, looks, as_of, settings)
        asked = p_values and was_tested[target].p_values is None
        if not asked or found.state != "unproven" or not may_look(looks, hypothesis, as_of):
            return found
        number, share, alpha = spending(looks, target, settings.hypotheses, settings.alpha)
        spent = Spending(number, share, alpha)
        look = self._look(hypothesis, spent, p_values, models, tested)
        for symbol in look.findings["members"]:
            keep_frozen(lake, hypothesis.id, as_of, models[symbol])
        record_look(lake, look)
        return standing_of(lake, hypothesis, read_looks(lake), as_of, settings)

    def _look(
        self,
        hypothesis: Hypothesis,
        spending: Spending,
        p_values: Mapping[str, float],
        models: Mapping[str, ModelResult],
        tested: int,
    ) -> Look:
        measured = {symbol: p for symbol, p in sorted(p_values.items()) if math.isfinite(p)}
        better = [symbol for symbol, p in measured.items() if p <= spending.alpha / tested]
        chosen = {s: models[s] for s in better if s in models and models[s].passed}
        daily = _together([model.daily for model in chosen.values()])
        ruin = ruin_of(daily, Thresholds().max_drawdown)
        refusal = _refusal(better, chosen, ruin)
        findings: dict[str, Any] = {
            "p_values": measured,
            "tested": tested,
            "believed": better,
            "trades": 0,
            "members": {},
        }
        if not refusal:
            findings["members"] = {symbol: self._frozen(m) for symbol, m in chosen.items()}
            findings["stakes"] = list(stakes_for(daily).values)
        return Look(
            hypothesis=hypothesis.id,
            as_of=self.as_of,
            kind=hypothesis.kind,
            name=hypothesis.name,
            rules=hypothesis.rules,
            grid=hypothesis.grid,
            look=spending.look,
            share=spending.share,
            alpha=spending.alpha,
            trials=len(p_values),
            days=len(daily),
            symbols=tuple(sorted(p_values)),
            passed=not refusal,
            reason=refusal or f"better than its opponents on {', '.join(chosen)}",
            p_value=min(measured.values(), default=None),
            statistic=_ratio(daily),
            ruin=None if ruin is None else ruin.probability,
            envelope=None if ruin is None else ruin.envelope,
            findings=findings,
        )

    def _frozen(self, model: ModelResult) -> dict[str, Any]:
        """What is frozen of one symbol's model: its file, whom it trades, its verdicts."""
        symbols = sorted(self.symbols) if model.symbol == _POOL else [model.symbol]
        return {
            "sha256": model.sha256,
            "symbols": sorted(model.params["entries"]) if is_entry_target(model.model) else symbols,
            "verdicts": [asdict(verdict) for verdict in model.verdicts],
        }

    def weighed(
        self,
        trained: TrainedModels,
        models: Mapping[str, ModelResult],
        standings: Mapping[str, Standing],
    ) -> TrainedModels:
        """Give one symbol's models the state of their hypotheses; what is frozen is released."""
        chosen = [self._weighed(models[target], standings[target]) for target in sorted(models)]
        files = {name: data for model in chosen for name, data in model.files().items()}
        return replace(
            trained,
            files=tuple(
                NewFile(f"models/{name}", "model", data) for name, data in sorted(files.items())
            ),
            sentence="; ".join(describe(model) for model in chosen) or trained.sentence,
        )

    def _weighed(self, model: ModelResult, standing: Standing) -> ModelResult:
        evidence, symbol = standing.evidence(), model.symbol
        members: Mapping[str, Any] = standing.frozen.findings["members"] if standing.frozen else {}
        if standing.frozen is None or standing.state == "unproven" or symbol not in members:
            if standing.state != "unproven":
                reason = f"{symbol} is not among the symbols of {evidence.hypothesis}"
                evidence = replace(evidence, state="unproven", reason=reason, demoted=False)
            return replace(model, evidence=evidence)
        frozen = read_frozen(self.lake, standing.frozen, symbol)
        when = f"at the look of {standing.frozen.as_of:%Y-%m-%d}: "
        kept = [
            replace(verdict, text=when + verdict.text)
            for verdict in frozen.verdicts
            if verdict.name not in TONIGHT
        ]
        tonight = [verdict for verdict in model.verdicts if verdict.name in TONIGHT]
        failed = next((verdict.text for verdict in tonight if not verdict.passed), "")
        if failed:
            evidence = replace(evidence, state="unproven", reason=failed)
        return replace(frozen, verdicts=(*tonight, *kept), evidence=evidence)


def _entries_only(trained: TrainedModels) -> bool:
    """Whether the models are those of entries, which are always pooled."""
    names = {*trained.p_values, *_models_of(trained)}
    return bool(names) and all(is_entry_target(name) for name in names)


def _models_of(trained: TrainedModels) -> dict[str, ModelResult]:
    """Return tonight's models by target, from their files; those of a leak have none."""
    files = {file.path: file.data for file in trained.files}
    found = {}
    for path, data in files.items():
        if path.endswith(".json"):
            text = files[path.removesuffix(".json") + ".txt"].decode()
            model = ModelResult.of_card(json.loads(data), text)
            found[model.model] = model
    return found


def _together(results: Sequence[Sequence[float]]) -> Floats:
    """Return the mean of several models' daily results, on the days that all of them have."""
    days = min((len(daily) for daily in results), default=0)
    if days == 0:
        return np.empty(0)
    return np.asarray(np.mean([daily[len(daily) - days :] for daily in results], axis=0))


def _ratio(daily: Floats) -> float | None:
    """Return the mean over its standard error; None where nothing moves."""
    deviation = float(daily.std(ddof=1)) if len(daily) > 1 else 0.0
    return float(daily.mean()) / deviation * math.sqrt(len(daily)) if deviation > 0.0 else None


def _refusal(
    better: Sequence[str], chosen: Mapping[str, ModelResult], ruin: RuinRisk | None
) -> str:
    """Why nothing is frozen; empty if something is."""
    if not better:
        return "no better than its opponents on any symbol"
    if not chosen:
        return f"better than its opponents on {', '.join(better)}, but refused by other gates"
    return "" if ruin is not None else "there are fewer than 10 out-of-sample days that move"
