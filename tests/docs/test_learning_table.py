"""The table of tasks × models in docs/learning.md: complete, and made by its benchmark."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "learning.md").read_text(encoding="utf-8")


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "_table_rows", raising=False)
    return importlib.import_module("_table_rows")


def written() -> list[list[str]]:
    """Return the cells of the table."""
    text = DOCUMENT.split("<!-- learning: tasks -->")[1].split("<!-- learning: end of tasks -->")[0]
    lines = [line.strip("|").split("|") for line in text.split("\n") if line]
    return [[cell.strip() for cell in line] for line in lines]


def test_every_model_of_every_task_is_in_the_table(rows: ModuleType) -> None:
    header, _, *body = written()
    assert tuple(header) == rows.HEADER
    models = {}
    for task, model, *_ in body:
        models.setdefault(task, set()).add(model)
    assert models["volatility_1h"] >= {"last", "har", "ridge", "lightgbm", "forest"}
    assert models["direction_1h"] >= {
        "reversal", "momentum", "hold (no costs)", "ridge", "logistic", "lightgbm", "forest",
    }  # fmt: skip
    assert sum(task.startswith("entry wins: ") for task in models) >= 3
    for row in body:
        cells = dict(zip(header, row, strict=True))
        assert int(cells["n"]) > 100
        seeded = cells["model"] in ("lightgbm", "forest") and "entry" not in cells["task"]
        assert (int(cells["seeds"]) == 5) is seeded or cells["model"] in ("LSTM", "SAC")


def made(rows: ModuleType, model: str, seed: int, skill: float, **more: object) -> object:
    daily = np.random.default_rng(seed).normal(skill, 1.0, 40)
    values = {"ic": skill, "auc": 0.5 + skill, "net": (10.0 * skill, 4), **more}
    return rows.Scored("direction_1h", model, "A", seed, 100, daily, **values)


def cells(rows: ModuleType, found: list[object], model: str) -> dict[str, str]:
    header, *body = rows.table(found)
    return dict(zip(header, next(row for row in body if row[1] == model), strict=True))


def test_seeds_show_their_spread_and_symbols_their_mean(rows: ModuleType) -> None:
    found = [made(rows, "forest", seed, skill) for seed, skill in ((1, 0.1), (2, 0.3))]
    shown = cells(rows, found, "forest")
    assert shown["IC"] == "+0.200 ± 0.141"
    assert shown["net bp"] == "+2.0 ± 1.4"
    assert (shown["n"], shown["seeds"]) == ("100", "2")
    one = [made(rows, "ridge", 1, 0.1), made(rows, "ridge", 1, 0.2)]
    shown = cells(rows, one, "ridge")
    assert (shown["IC"], shown["n"], shown["seeds"]) == ("+0.150", "200", "1")


def test_a_mean_result_weighs_every_trade_alike(rows: ModuleType) -> None:
    few = made(rows, "ridge", 1, 0.0, net=(100.0, 1))
    many = made(rows, "ridge", 1, 0.0, net=(0.0, 9))
    assert cells(rows, [few, many], "ridge")["net bp"] == "+10.0"
    idle = made(rows, "ridge", 1, 0.0, net=(float("nan"), 0))
    assert cells(rows, [idle], "ridge")["net bp"] == "–"


def test_the_luck_of_more_trials_is_deflated_and_opponents_are_none(rows: ModuleType) -> None:
    ours = made(rows, "forest", 1, 0.4)
    more = [made(rows, f"m{seed}", seed, 0.0) for seed in range(2, 30)]
    alone = float(cells(rows, [ours], "forest")["DSR"])
    among = float(cells(rows, [ours, *more], "forest")["DSR"])
    beside = [rows.as_opponent(one) for one in more]
    assert among < alone - 0.1
    assert float(cells(rows, [ours, *beside], "forest")["DSR"]) == alone
    assert cells(rows, [ours, *beside], "m2")["DSR"] == "–"


def test_a_forecast_that_knows_the_outcome_scores_fully_and_one_of_noise_does_not(
    rows: ModuleType,
) -> None:
    from tests.flows.steps.models.made_data import noise

    data = noise(30)
    known = rows.direction_row(("m", "A", 0), data, data.log_return, 12.0, 1.5)
    assert (known.ic, known.auc, known.r2) == pytest.approx((1.0, 1.0, 1.0))
    assert known.net[0] > 10.0 > 0.0 < known.net[1] < known.net_all[1] == 30 * 24
    blind = np.random.default_rng(5).normal(0.0, 0.004, len(data.times))
    drawn = rows.direction_row(("m", "A", 0), data, blind, 12.0, 1.5)
    assert abs(drawn.auc - 0.5) < 0.05
    assert drawn.r2 < -0.5
    assert drawn.net_all[0] == pytest.approx(-12.0, abs=8.0)
