"""The strategies section: what its tables and notes say of the windows behind a result."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.report.sections.strategies import fold_grid, search_notes
from flows.report.views import WARN

DAY = datetime(2025, 6, 1, tzinfo=UTC)
FOLD = {"train_from": DAY, "train_to": DAY, "test_from": DAY, "test_to": DAY, "params": "{}"}


def test_a_fold_whose_window_has_gaps_is_flagged() -> None:
    table = fold_grid(
        [
            {**FOLD, "fold": 0, "train_missing": 0.0, "test_missing": 60.0},
            {**FOLD, "fold": 1, "train_missing": 0.0, "test_missing": 0.0},
        ]
    )
    assert table is not None
    assert table.head[-1] == "Test lacks"
    flagged, whole = (row[-1] for row in table.rows)
    assert (flagged.text, flagged.tone) == ("60 candles", WARN)
    assert (whole.text, whole.tone) == ("0", "")


@pytest.mark.parametrize("known", [{}, {"train_missing": 0.0, "test_missing": 0.0}])
def test_without_gaps_the_folds_have_no_column_of_them(known: dict[str, float]) -> None:
    table = fold_grid([{**FOLD, "fold": 0, **known}])
    assert table is not None
    assert not [name for name in table.head if "lacks" in name]


def test_the_notes_say_what_the_test_windows_lack() -> None:
    entry = {"in_sample": {}, "out_of_sample": {"gaps": 2, "missing_candles": 61}}
    assert search_notes(entry) == ("In the test windows 61 candles are missing in 2 places.",)
    assert search_notes({"in_sample": {}, "out_of_sample": {"gaps": 0}}) == ()
