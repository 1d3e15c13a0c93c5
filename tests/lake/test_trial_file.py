"""The file of finished trials: whole lines, one search, one process at a time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lake.trial_file import TrialFile
from trading.errors import DataError
from trading.metrics import SUMS_SIZE, metrics_of
from trading.research.trials import Trial

SETUP = {"strategy": ["breakout", "1"], "seed": 1, "grid": {"k": [0.1, 0.2]}}


def trial(number: int) -> Trial:
    metrics = metrics_of([1.0] * SUMS_SIZE, 3, 10)._replace(sharpe=math.nan, sortino=0.1 + number)
    daily = np.array([0.1 + 0.2, -0.0, 1e-17 * number])
    return Trial(number, {"k": 0.1 * number, "bars": 3, "mode": "fast"}, metrics, daily)


def facts(found: Trial) -> tuple[object, ...]:
    return found.number, dict(found.params), repr(found.metrics), found.daily.tobytes()


def test_appended_trials_read_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    with TrialFile(path, SETUP) as store:
        assert list(store.load()) == []
        store.append([trial(0)])
        store.append([trial(1), trial(2)])
    with TrialFile(path, SETUP) as store:
        assert [facts(t) for t in store.load()] == [facts(trial(n)) for n in range(3)]
        assert store.load()[1].params["bars"] == 3


@pytest.mark.parametrize("cut", [1, 40, 150])
def test_half_a_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "trials.jsonl"
    with TrialFile(path, SETUP) as store:
        store.append([trial(0), trial(1)])
    path.write_bytes(path.read_bytes()[:-cut])
    with TrialFile(path, SETUP) as store:
        assert [t.number for t in store.load()] == [0]
        store.append([trial(1)])
    with TrialFile(path, SETUP) as store:
        assert [facts(t) for t in store.load()] == [facts(trial(0)), facts(trial(1))]


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b'{"format": 1, "str')
    with TrialFile(path, SETUP) as store:
        store.append([trial(0)])
    with TrialFile(path, SETUP) as store:
        assert len(store.load()) == 1


def test_a_file_of_another_search_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    with TrialFile(path, SETUP):
        pass
    with (
        pytest.raises(DataError, match=r"trials of another search \(other grid, seed\)"),
        TrialFile(path, {**SETUP, "seed": 2, "grid": {}}),
    ):
        pass


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b'{"trial": 7}', b'{"trial": 0}'])
def test_a_damaged_line_is_refused_by_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "trials.jsonl"
    with TrialFile(path, SETUP):
        pass
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(DataError, match="is damaged in line 2"), TrialFile(path, SETUP):
        pass


def test_two_searches_cannot_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    with (
        TrialFile(path, SETUP),
        pytest.raises(DataError, match="is in use by another search"),
        TrialFile(path, SETUP),
    ):
        pass


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be opened"), TrialFile(tmp_path, SETUP):
        pass
