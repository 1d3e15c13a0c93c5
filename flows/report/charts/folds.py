"""The chart of walk-forward folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from flows.report import formats
from flows.report.charts.svg import (
    LEFT,
    RIGHT,
    WIDTH,
    Box,
    Scale,
    figure,
    tag,
    text,
    time_scale,
    time_ticks,
    x_axis,
)


@dataclass(frozen=True, slots=True)
class FoldSpan:
    """One fold of a walk-forward; times in ms UTC, returns as shares (None: not stored).

    ``shown`` replaces the result at the end of the row; the sign of ``outside`` still colours
    it.
    """

    label: str
    train_start: int
    train_end: int
    test_start: int
    test_end: int
    inside: float | None
    outside: float | None
    shown: str = ""


def fold_chart(key: str, title: str, folds: Sequence[FoldSpan]) -> Markup:
    """Draw each fold as a row: its training span and its test span."""
    row = 26
    plain = Box(LEFT, 8, WIDTH - LEFT - RIGHT - 84, float(row * len(folds)))
    start, end = min(f.train_start for f in folds), max(f.test_end for f in folds)
    across = time_scale(start, end, plain)
    body: list[Markup] = [x_axis(plain, across, time_ticks(start, end))]
    for index, fold in enumerate(folds):
        y = plain.top + index * row + 5
        body.append(text(plain.left - 8, y + 12, fold.label, anchor="end"))
        body.append(
            span_rect(across, fold.train_start, fold.train_end, y, "train", train_note(fold))
        )
        css = "test flat" if not fold.outside else "test won" if fold.outside > 0 else "test lost"
        body.append(span_rect(across, fold.test_start, fold.test_end, y, css, test_note(fold)))
        shown = fold.shown or formats.percent(fold.outside)
        body.append(text(WIDTH - RIGHT, y + 12, shown, "value", "end"))
    desc = f"{len(folds)} folds; grey is in-sample, colour is out-of-sample with its result."
    return figure(key, title, desc, (WIDTH, int(plain.bottom) + 26), body)


def span_rect(across: Scale, start: int, end: int, y: float, css: str, note: str) -> Markup:
    """Draw a bar between two times."""
    x = across(start)
    width = max(across(end) - x, 1.0)
    return tag("rect", tag("title", note), x=x, y=y, width=width, height=16, rx=2, class_=css)


def train_note(fold: FoldSpan) -> str:
    """Return the tooltip of the training span."""
    span = formats.span(fold.train_start, fold.train_end)
    if fold.inside is None:
        return f"fold {fold.label}, in-sample {span}"
    return f"fold {fold.label}, in-sample {span}: {formats.percent(fold.inside)}"


def test_note(fold: FoldSpan) -> str:
    """Return the tooltip of the test span."""
    span = formats.span(fold.test_start, fold.test_end)
    shown = fold.shown or formats.percent(fold.outside)
    return f"fold {fold.label}, out-of-sample {span}: {shown}"
