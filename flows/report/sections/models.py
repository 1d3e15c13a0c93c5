"""The models section: what was learned, beside simple baselines on the same unseen rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import formats, tables
from flows.report.charts.folds import FoldBar, fold_chart
from flows.report.language import recorded, tr
from flows.report.sections.strategies import slug
from flows.report.views import GOOD, Cell, Chart, Fact, ModelView, TableView
from trading.model_targets import MODEL_TARGETS, is_entry_target, strategy_of
from trading.research.evidence.states import HypothesisEvidence

Row = Mapping[str, Any]

TOP_FEATURES = 15
TARGETS = {name: target.title for name, target in MODEL_TARGETS.items()}
BASELINES = {
    "har": "HAR (Corsi, 2009)",
    "last": "same as the last hour",
    "ridge": "ridge on all features",
    "reversal": "reversal of the last hour",
    "momentum": "momentum of the last hour",
    "hold": "hold, without costs",
    "every_hour": "the model without its cost filter",
    "take_all": "every entry",
    "flat": "no trade",
}
FAMILIES = {
    "har": "HAR",
    "ridge": "ridge",
    "logistic": "logistic",
    "lightgbm": "LightGBM",
    "forest": "random forest",
}
SCORES = {"r2": "R²", "auc": "AUC", "net_bp": "Net, bp per trade"}
SIGNED = frozenset({"net_bp"})


def models_lead(cards: Sequence[Row]) -> str:
    """Summarize the section in two sentences."""
    if not cards:
        return tr("No model was trained for this release.")
    proven = sum(bool(card["proven"]) for card in cards)
    return tr(
        "Models are evaluated by walk-forward on unseen rows, beside baselines on the same rows. "
        "{proven} of {models} passed every gate.",
        proven=proven,
        models=tables.counted(len(cards), "model"),
    )


def model_views(cards: Sequence[Row]) -> tuple[ModelView, ...]:
    """Return one view per model; a card is the JSON that training wrote beside the model's file."""
    by_symbol = sorted(cards, key=lambda card: str(card["symbol"]))
    ordered = sorted(by_symbol, key=lambda card: str(card["model"]), reverse=True)
    return tuple(model_view(card) for card in ordered)


def model_view(card: Row) -> ModelView:
    """Show one model of one symbol."""
    model, symbol = str(card["model"]), str(card["symbol"])
    key = f"model-{slug(model)}-{slug(symbol)}"
    described = {str(f["name"]): str(f["description"]) for f in card["features"]}
    return ModelView(
        key=key,
        name=_title(model),
        symbol=symbol,
        proven=bool(card["proven"]),
        why=why(card),
        facts=(
            Fact(tr("model"), model),
            Fact(tr("family"), tr(FAMILIES.get(str(card.get("family")), "LightGBM"))),
            Fact(tr("recipes tried"), formats.whole(card["scores"].get("trials") or 1)),
            Fact(tr("features"), formats.whole(len(card["features"]))),
            Fact(tr("rows"), formats.whole(card["rows"])),
            Fact(tr("trained on"), formats.span(card["train_from"], card["train_to"])),
            Fact(tr("file"), formats.digest(card["sha256"])),
        ),
        metrics=score_grid(card["scores"]),
        verdicts=tables.verdict_grid(card["verdicts"]),
        folds=model_folds(f"{key}-folds", card["folds"]),
        importance=importance_grid(
            card["importance"][:TOP_FEATURES], card.get("shap", ()), described
        ),
    )


def _title(model: str) -> str:
    if is_entry_target(model):
        return tr("Entries of {strategy}: take or skip", strategy=strategy_of(model))
    return tr(TARGETS.get(model, model))


def _sentence(known: Row) -> str:
    return recorded(HypothesisEvidence(**known).sentence)


def why(card: Row) -> str:
    """Explain the state of one model."""
    known = card.get("evidence")
    if card["proven"]:
        passed = tr("All {verdicts} gates were passed.", verdicts=len(card["verdicts"]))
        return f"{passed} {_sentence(known)}." if known else passed
    if any(one["name"] == "leak_alarm" and not one["passed"] for one in card["verdicts"]):
        return tr("The leak alarm was raised: it is too good to be true, so it is not published.")
    failed = tables.failed_gates(card["verdicts"])
    if not failed and known:
        return tr(
            "Every gate of its own was passed, but its hypothesis is {known}.",
            known=_sentence(known),
        )
    count = tables.counted(len(failed), "gate")
    return tr(
        "{count} of {verdicts} not passed: {names}. Nothing trades on it.",
        count=count,
        verdicts=len(card["verdicts"]),
        names=tables.joined(failed),
    )


def score_grid(scores: Row) -> TableView | None:
    """Show the model's scores above those of its baselines."""
    names = [name for name in SCORES if any(formats.known(scores.get(c)) for c in columns(name))]
    if not names:
        return None
    rivals = [b for b in BASELINES if any(formats.known(scores.get(f"{n}_{b}")) for n in names)]
    rows = [score_row(tr("this model"), scores, names, "")]
    rows += [score_row(tr(BASELINES[rival]), scores, names, f"_{rival}") for rival in rivals]
    return TableView((tr("Out-of-sample"), *(tr(SCORES[name]) for name in names)), tuple(rows))


def columns(name: str) -> tuple[str, ...]:
    """Return the columns of a score: the model's and every baseline's."""
    return (name, *(f"{name}_{baseline}" for baseline in BASELINES))


def score_row(label: str, scores: Row, names: Sequence[str], suffix: str) -> tuple[Cell, ...]:
    """Show one row; the best value of a column is marked."""
    cells = [Cell(label)]
    for name in names:
        value = scores.get(f"{name}{suffix}")
        best = max(float(scores[c]) for c in columns(name) if formats.known(scores.get(c)))
        tone = GOOD if value == best else ""
        cells.append(Cell(formats.decimal(value, 1 if name in SIGNED else 3), tone))
    return tuple(cells)


def fold_score(scores: Row) -> str:
    """Return the score that is shown for each fold."""
    return next((name for name in SCORES if name in scores), "r2")


def model_folds(key: str, folds: Sequence[Row]) -> Chart | None:
    """Show the score of each fold beside the best baseline's on the same rows."""
    if not folds:
        return None
    name = fold_score(folds[0]["scores"])
    names = ("the best baseline", tr("{score} of the model", score=tr(SCORES[name])))
    return fold_chart(key, [model_fold(fold) for fold in folds], "number", names)


def model_fold(fold: Row) -> FoldBar:
    """Return one fold with the score of the model and of its best baseline."""
    scores = fold["scores"]
    name = fold_score(scores)
    rivals = [float(scores[c]) for c in columns(name)[1:] if formats.known(scores.get(c))]
    own = scores.get(name)
    return FoldBar(
        str(int(fold["fold"]) + 1),
        int(fold["test_from"]),
        int(fold["test_to"]),
        max(rivals, default=None),
        float(own) if formats.known(own) else None,
    )


def importance_grid(
    importance: Sequence[Row], shap: Sequence[Row], described: Mapping[str, str]
) -> TableView | None:
    """Show which features the model used: shares of the gain, and of the mean |SHAP value|."""
    biggest = max((float(entry["gain"]) for entry in importance), default=0.0) or 1.0
    moved = {str(entry["feature"]): float(entry["share"]) for entry in shap}
    rows = tuple(
        (
            Cell(str(entry["feature"]), hint=recorded(described.get(str(entry["feature"]), ""))),
            Cell(
                formats.percent(entry["gain"], 1),
                share=round(float(entry["gain"]) / biggest, 4),
            ),
            Cell(formats.percent(moved.get(str(entry["feature"]), 0.0), 1)),
        )
        for entry in importance
    )
    caption = tr(
        "Feature importance: shares of the total gain, and of the mean absolute SHAP value"
    )
    return (
        TableView((tr("Feature"), tr("Gain"), tr("SHAP")), rows, caption=caption) if rows else None
    )
