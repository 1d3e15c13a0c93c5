"""The result of each fold of a walk-forward, in-sample beside out-of-sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.report import formats
from flows.report.language import tr
from flows.report.views import Chart


@dataclass(frozen=True, slots=True)
class FoldBar:
    """One fold; times in ms UTC, results in one unit (None: not stored)."""

    label: str
    test_start: int
    test_end: int
    inside: float | None
    outside: float | None


def fold_chart(key: str, folds: Sequence[FoldBar], unit: str, names: tuple[str, str]) -> Chart:
    """Show two results of each fold as bars; ``names`` says in English what they are."""
    names = (tr(names[0]), tr(names[1]))
    labels = [
        f"{fold.label}: {formats.short_span(fold.test_start, fold.test_end)}" for fold in folds
    ]
    digits = 2 if unit == "share" else 3
    pairs = (
        (names[0], "soft", [fold.inside for fold in folds]),
        (names[1], "sign" if unit == "share" else "accent", [fold.outside for fold in folds]),
    )
    series = [
        {"label": label, "tone": tone, "values": values}
        for label, tone, values in pairs
        if any(value is not None for value in values)
    ]
    known = [fold.outside for fold in folds if fold.outside is not None]
    won = sum(value > 0 for value in known)
    text = tr(
        "{folds} folds; {measure} above zero in {won} of {known}.",
        folds=len(folds),
        measure=names[1],
        won=won,
        known=len(known),
    )
    data = {"labels": labels, "unit": unit, "digits": digits, "series": series}
    note = tr("grey is {grey}, colour is {colour}, by test span", grey=names[0], colour=names[1])
    return Chart(key, "bars", tr("Walk-forward"), text, data, note)
