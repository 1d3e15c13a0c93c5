"""What training makes: models with their files and cards, and their rows in the lake."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from flows.steps.features.features import FEATURE_INTERVAL, feature_descriptions
from flows.steps.models.settings import FoldScore
from lake.content import moment_of
from lake.partitions import PartitionRef, iso
from lake.tables import MODELS
from trading.models.families import FittedModel, read_model
from trading.models.linear import LinearModel
from trading.research.evidence.states import HypothesisEvidence
from trading.research.gates import GateVerdict


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model of one symbol: its file, what it was trained on, how it was evaluated.

    ``text`` is LightGBM's own text format, or JSON for a linear ``family``. ``offset`` (a
    volatility model's HAR part: intercept, weights and means) is added to what the trees predict;
    `forecaster` rebuilds the model. ``train_from`` and ``train_to`` (ms) span the rows of the
    published model; ``folds`` and ``scores`` are out-of-sample. ``importance`` is by gain, ``shap``
    by mean absolute SHAP value, both as shares. ``daily`` and ``opponent`` are what it is followed
    by once it is frozen, ``evidence`` what is known of its hypothesis, before a look None.
    """

    model: str
    symbol: str
    features: tuple[str, ...]
    params: Mapping[str, Any]
    offset: Mapping[str, Any] | None
    text: str
    rows: int
    train_from: int
    train_to: int
    scores: Mapping[str, float | None]
    folds: tuple[FoldScore, ...]
    importance: Mapping[str, float]
    verdicts: tuple[GateVerdict, ...]
    family: str = "lightgbm"
    shap: Mapping[str, float] = field(default_factory=dict)
    daily: tuple[float, ...] = ()
    opponent: Mapping[str, Any] | None = None
    evidence: HypothesisEvidence | None = None

    def forecaster(self) -> FittedModel:
        """Rebuild the model: ``forecaster().predict(x)`` with the columns of ``features``."""
        offset = LinearModel(**self.offset) if self.offset else None
        return read_model(self.family, self.text, self.features, offset)

    @property
    def proven(self) -> bool:
        """Whether it passed every gate, and its hypothesis is not unproven."""
        if self.evidence is not None and self.evidence.state == "unproven":
            return False
        return self.passed

    @property
    def passed(self) -> bool:
        """Whether it passed every gate."""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    @property
    def leaks(self) -> bool:
        """Whether the leak alarm was raised."""
        return any(v.name == "leak_alarm" and not v.passed for v in self.verdicts)

    @property
    def drifted(self) -> bool:
        """Whether the errors of the last day demoted it."""
        return any(v.name == "drift" and not v.passed for v in self.verdicts)

    @property
    def name(self) -> str:
        """Stem of its files: ``volatility_1h-BTCUSDT``."""
        return f"{self.model}-{self.symbol}"

    @property
    def sha256(self) -> str:
        """Hash of the model file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def card(self) -> dict[str, Any]:
        """Return everything but the trees as JSON values; features have their descriptions."""
        described = feature_descriptions()
        return {
            "schema_version": 1,
            "model": self.model,
            "symbol": self.symbol,
            "file": f"{self.name}.txt",
            "sha256": self.sha256,
            "proven": self.proven,
            "interval": FEATURE_INTERVAL,
            "rows": self.rows,
            "train_from": iso(moment_of(self.train_from)),
            "train_to": iso(moment_of(self.train_to)),
            "features": [{"name": n, "description": described.get(n, "")} for n in self.features],
            "params": dict(self.params),
            "offset": self.offset,
            "scores": dict(self.scores),
            "folds": [asdict(fold) for fold in self.folds],
            "family": self.family,
            "importance": [{"feature": n, "gain": share} for n, share in self.importance.items()],
            "shap": [{"feature": n, "share": share} for n, share in self.shap.items()],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "daily": list(self.daily),
            "opponent": self.opponent,
            "evidence": None if self.evidence is None else asdict(self.evidence),
        }

    @classmethod
    def of_card(cls, card: Mapping[str, Any], text: str) -> ModelResult:
        """Rebuild the result from its card and its model file."""
        known = card.get("evidence")
        return cls(
            model=card["model"],
            symbol=card["symbol"],
            features=tuple(entry["name"] for entry in card["features"]),
            params=card["params"],
            offset=card["offset"],
            text=text,
            rows=card["rows"],
            train_from=_ms(card["train_from"]),
            train_to=_ms(card["train_to"]),
            scores=card["scores"],
            folds=tuple(FoldScore(**fold) for fold in card["folds"]),
            importance={entry["feature"]: entry["gain"] for entry in card["importance"]},
            verdicts=tuple(GateVerdict(**verdict) for verdict in card["verdicts"]),
            family=card.get("family", "lightgbm"),
            shap={entry["feature"]: entry["share"] for entry in card.get("shap", ())},
            daily=tuple(card.get("daily", ())),
            opponent=card.get("opponent"),
            evidence=HypothesisEvidence(**known) if known else None,
        )

    def files(self) -> dict[str, bytes]:
        """Return its two files by name, the trees and the card; equal inputs give equal bytes."""
        card = json.dumps(self.card(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        return {f"{self.name}.txt": self.text.encode(), f"{self.name}.json": card.encode()}


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Models of all symbols, what was read for them, and which symbols could not be trained."""

    as_of: datetime
    models: tuple[ModelResult, ...]
    fingerprint: tuple[PartitionRef, ...]
    left_out: Mapping[str, str]
    skipped: tuple[str, ...]

    @property
    def files(self) -> dict[str, bytes]:
        """Files for a release, by name under ``models/``, kind ``model``; never those of a leak."""
        sound = [model for model in self.models if not model.leaks]
        return {name: data for model in sound for name, data in model.files().items()}

    @property
    def proven(self) -> tuple[str, ...]:
        """Names of the models that passed the gate; all others are unproven."""
        return tuple(model.name for model in self.models if model.proven)

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the models that the errors of the last day demoted."""
        return tuple(model.name for model in self.models if model.drifted)

    @property
    def p_values(self) -> dict[str, float]:
        """The p-values of the models that have one, by target."""
        known = {model.model: model.scores.get("p_value") for model in self.models}
        return {name: float(value) for name, value in known.items() if value is not None}

    @property
    def sentence(self) -> str:
        """One line for a person."""
        parts = [describe(model) for model in self.models]
        parts += [f"{symbol} left out: {reason}" for symbol, reason in self.left_out.items()]
        return "; ".join(parts)


def describe(model: ModelResult) -> str:
    """Format one line: ``volatility_1h-BTCUSDT unproven (R² 0.51, har 0.52): better_folds``."""
    shown = ("r2", "r2_har", "r2_last", "auc", "trades", "net_bp")
    scores = ", ".join(
        f"{name} {model.scores[name]:.3g}" for name in shown if model.scores.get(name) is not None
    )
    failed = ", ".join(verdict.name for verdict in model.verdicts if not verdict.passed)
    state = "proven" if model.proven else f"unproven, not passed: {failed}"
    if model.evidence is not None and (model.proven or not failed):
        state = model.evidence.sentence
    alarm = "LEAK ALARM " if model.leaks else ""
    return f"{alarm}{model.name} {state} ({scores})"


def models_table(as_of: datetime, models: Sequence[ModelResult], folder: str) -> pa.Table:
    """Return rows of research.models: one per fold, and fold −1 for the model with its verdicts."""
    rows: list[dict[str, Any]] = []
    for model in models:
        name = {"as_of": as_of, "model": model.model, "symbol": model.symbol}
        failed = [verdict.name for verdict in model.verdicts if not verdict.passed]
        rows.append(
            {
                **name,
                "fold": -1,
                "train_from": moment_of(model.train_from),
                "train_to": moment_of(model.train_to),
                "features": json.dumps(model.features),
                "params": json.dumps(dict(model.params), sort_keys=True),
                "file": f"{folder}/{model.name}.txt",
                "sha256": model.sha256,
                "verdict": "passed" if model.passed else "unproven: " + ", ".join(failed),
                **model.scores,
            }
        )
        for fold in model.folds:
            rows.append(
                {
                    **name,
                    "fold": fold.fold,
                    "train_from": moment_of(fold.train_from),
                    "train_to": moment_of(fold.train_to),
                    "test_from": moment_of(fold.test_from),
                    "test_to": moment_of(fold.test_to),
                    **fold.scores,
                }
            )
    measures = sorted({name for row in rows for name in row} - set(MODELS.schema.names))
    schema = pa.schema([*MODELS.schema, *(pa.field(name, pa.float64()) for name in measures)])
    return pa.Table.from_pylist(rows, schema=schema)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
