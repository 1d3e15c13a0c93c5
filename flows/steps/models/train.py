"""Train a symbol's models of the next hour and evaluate them: log volatility and direction.

Every score is out-of-sample: purged walk-forward, with the baselines on the same rows. The
published model is then trained again on everything known at ``as_of``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flows.steps.data.freshness import MARK, mark_of
from flows.steps.features.features import FEATURE_INTERVAL, feature_descriptions, feature_names
from flows.steps.models.dataset import dataset_of
from flows.steps.models.settings import FoldScore, TrainSettings
from lake.content import moment_of
from lake.files import write_bytes
from lake.partitions import PartitionRef, iso
from lake.store import Lake
from lake.tables import CANDLES, FEATURES, MODELS, RAW_FUNDING
from trading.errors import DataError
from trading.research.gates import GateVerdict

if TYPE_CHECKING:
    from flows.steps.models.evaluation import EvaluatedModel

TARGETS = ("volatility_1h", "direction_1h")
_CODE = tuple(sorted(Path(__file__).parent.glob("*.py")))

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model of one symbol: its file, what it was trained on, how it was evaluated.

    ``text`` is LightGBM's own text format. ``offset`` (a volatility model's HAR part, intercept,
    weights and means) is added to what the trees say. ``train_from`` and ``train_to`` (ms) span
    the rows of the published model; ``folds`` and ``scores`` are out-of-sample.
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

    @property
    def proven(self) -> bool:
        """Did it pass every gate?"""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    @property
    def leaks(self) -> bool:
        """Was the leak alarm raised?"""
        return any(v.name == "leak_alarm" and not v.passed for v in self.verdicts)

    @property
    def name(self) -> str:
        """Stem of its files: ``volatility_1h-BTCUSDT``."""
        return f"{self.model}-{self.symbol}"

    @property
    def sha256(self) -> str:
        """Hash of the model file."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def card(self) -> dict[str, Any]:
        """Everything but the trees, as JSON knows it; the feature list has the descriptions."""
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
            "importance": [{"feature": n, "gain": share} for n, share in self.importance.items()],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }

    @classmethod
    def of_card(cls, card: Mapping[str, Any], text: str) -> ModelResult:
        """The result that a card and a model file were made from."""
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
        )

    def files(self) -> dict[str, bytes]:
        """Its two files by name: the trees and the card. Identical inputs give identical bytes."""
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
    def sentence(self) -> str:
        """One line for a person."""
        parts = [describe(model) for model in self.models]
        parts += [f"{symbol} left out: {reason}" for symbol, reason in self.left_out.items()]
        return "; ".join(parts)


def describe(model: ModelResult) -> str:
    """One line: ``volatility_1h-BTCUSDT unproven (R² 0.51, har 0.52): better_folds``."""
    shown = ("r2", "r2_har", "r2_last", "auc", "trades", "net_bp")
    scores = ", ".join(
        f"{name} {model.scores[name]:.3g}" for name in shown if model.scores.get(name) is not None
    )
    failed = ", ".join(verdict.name for verdict in model.verdicts if not verdict.passed)
    state = "proven" if model.proven else f"unproven, not passed: {failed}"
    alarm = "LEAK ALARM " if model.leaks else ""
    return f"{alarm}{model.name} {state} ({scores})"


def train(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    targets: Sequence[str] = TARGETS,
    settings: TrainSettings | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train, judge and record the models of every symbol on the features known at ``as_of``.

    Results go to ``research.models`` (run ``train-<symbol>-<as_of>``) with the files beside them.
    A run on the same features, settings and code is not repeated. A symbol without enough history
    is left out with the reason, and the others go on.
    """
    chosen = settings or TrainSettings()
    models: list[ModelResult] = []
    refs: list[PartitionRef] = []
    left_out: dict[str, str] = {}
    skipped: list[str] = []
    for symbol in symbols:
        read = _read(lake, venue, symbol, as_of)
        run = run_name(symbol, as_of)
        mark = _mark(read, chosen, targets)
        found = _load_stored(lake, run, mark)
        if found is None:
            try:
                found = _train_symbol(lake, venue, symbol, as_of, targets, chosen)
            except DataError as error:
                left_out[symbol] = str(error)
                continue
            _record(lake, run, mark, as_of, found)
        else:
            skipped.append(symbol)
        models.extend(found)
        refs.extend(read)
        for model in found:
            if progress:
                progress(describe(model))
    return TrainResult(as_of, tuple(models), tuple(refs), left_out, tuple(skipped))


def run_name(symbol: str, as_of: datetime) -> str:
    """Partition of research.models: ``train-BTCUSDT-20250620T000000Z``."""
    return f"train-{symbol}-{as_of:%Y%m%dT%H%M%SZ}"


def _read(lake: Lake, venue: str, symbol: str, as_of: datetime) -> tuple[PartitionRef, ...]:
    """The features that are read, and the candles and funding that they were made from."""
    where = {"venue": venue, "symbol": symbol}
    return (
        *lake.fingerprint(FEATURES, as_of, **where, interval=FEATURE_INTERVAL),
        *lake.fingerprint(CANDLES, as_of, **where, interval="1m"),
        *lake.fingerprint(RAW_FUNDING, as_of, **where),
    )


def _mark(refs: Sequence[PartitionRef], settings: TrainSettings, targets: Sequence[str]) -> str:
    code = "\n".join(path.read_text(encoding="utf-8") for path in _CODE)
    inputs = {ref.path: ref.sha256 for ref in refs if ref.table == FEATURES.name}
    return mark_of(code, {"features": inputs, "settings": asdict(settings), "targets": targets})


def _train_symbol(
    lake: Lake,
    venue: str,
    symbol: str,
    as_of: datetime,
    targets: Sequence[str],
    settings: TrainSettings,
) -> tuple[ModelResult, ...]:
    from flows.steps.models.evaluation import evaluate_target

    features = lake.read(
        FEATURES, as_of=as_of, venue=venue, symbol=symbol, interval=FEATURE_INTERVAL
    )
    data = dataset_of(features, symbol, feature_names())
    results = []
    for target in targets:
        evaluated = evaluate_target(data, target, settings)
        results.append(_result(target, symbol, evaluated))
    return tuple(results)


def _result(target: str, symbol: str, evaluated: EvaluatedModel) -> ModelResult:
    offset = evaluated.final.offset
    return ModelResult(
        model=target,
        symbol=symbol,
        features=evaluated.final.features,
        params=evaluated.params,
        offset=asdict(offset) if offset else None,
        text=evaluated.final.text,
        rows=evaluated.rows,
        train_from=evaluated.train_from,
        train_to=evaluated.train_to,
        scores=evaluated.scores,
        folds=evaluated.folds,
        importance=evaluated.final.importance(),
        verdicts=evaluated.verdicts,
    )


def models_table(as_of: datetime, models: Sequence[ModelResult], folder: str) -> pa.Table:
    """Rows of research.models: one a fold, and fold −1 for the model itself with its verdicts."""
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
                "verdict": "proven" if model.proven else "unproven: " + ", ".join(failed),
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


def _record(
    lake: Lake, run: str, mark: str, as_of: datetime, models: Sequence[ModelResult]
) -> None:
    """Files first, then the rows with the mark: a crash in between is a run that is done again."""
    folder = lake.path(MODELS, run=run).parent
    for model in models:
        for name, data in model.files().items():
            write_bytes(folder / name, data)
    rows = models_table(as_of, models, folder.relative_to(lake.root).as_posix())
    names = json.dumps([model.name for model in models])
    lake.write(MODELS, rows, {MARK: mark, "nocturne.models": names}, run=run)


def _load_stored(lake: Lake, run: str, mark: str) -> tuple[ModelResult, ...] | None:
    """The models of an earlier run on the same inputs; None without one, or with a damaged file."""
    stored = lake.metadata(MODELS, run=run)
    if stored.get(MARK) != mark:
        return None
    folder = lake.path(MODELS, run=run).parent
    models = []
    for name in json.loads(stored["nocturne.models"]):
        try:
            card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            model = ModelResult.of_card(card, (folder / f"{name}.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # trained again, which writes the files again
        if model.sha256 != card["sha256"]:
            return None
        models.append(model)
    return tuple(models)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
