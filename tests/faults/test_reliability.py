"""The page of the soak: counts, the bound, and no more than what ran."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def reliability() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "reliability", ROOT / "scripts" / "reliability.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("failures", "runs", "bound"),
    [(0, 200, 0.014867), (0, 99, 0.029806), (1, 20, 0.216106), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_the_bound_is_that_of_clopper_and_pearson(
    reliability: ModuleType, failures: int, runs: int, bound: float
) -> None:
    assert reliability.upper_bound(failures, runs) == pytest.approx(bound, abs=5e-6)


def test_a_short_run_says_so_and_a_failure_is_named(reliability: ModuleType) -> None:
    short = {
        "rounds": 2,
        "windows": {"commit": 2, "fill": 1},
        "elsewhere": 1,
        "violations": ["seed 1 (commit): I3: trade 7 is not in the executor's ledger"],
    }
    text = reliability.page({"sqlite": short}, [])
    assert "Kills: 4. Failures: 1." in text
    assert "This run was short" in text
    assert "- seed 1 (commit): I3: trade 7" in text


def test_a_whole_run_has_no_excuse(reliability: ModuleType) -> None:
    whole = {
        "rounds": 44,
        "windows": dict.fromkeys(("commit", "send", "answer", "fill", "stop"), 40),
        "elsewhere": 0,
        "violations": [],
    }
    text = reliability.page({"sqlite": whole, "postgresql": whole}, [])
    assert "Kills: 200. Failures: 0." in text
    assert text.count("1.5%") == 2
    assert "This run was short" not in text


def test_a_day_of_faults_is_a_row_and_its_violations_are_listed(reliability: ModuleType) -> None:
    day = {
        "seed": 3,
        "faults": 90,
        "positions": 7,
        "speed": 300,
        "memory_mib": 150.5,
        "growth_mib_an_hour": 0.01,
        "violations": ["I3: trade 7 is not in the executor's ledger"],
    }
    text = reliability.page({}, [day])
    assert "| 3 | 90 | 7 | 300 | 150.5 | 0.01 | 1 |" in text
    assert "- seed 3: I3: trade 7" in text


def test_rounds_that_were_repeated_and_all_kills_together_are_named(
    reliability: ModuleType,
) -> None:
    windows = dict.fromkeys(("commit", "send", "answer", "fill", "stop"), 21)
    failed = ["seed 4 (stop): I5: a position had no stop for 6356 ms of wall time"]
    busy = {"rounds": 22, "windows": windows, "elsewhere": 1, "violations": failed}
    again = {
        "rounds": 1,
        "windows": dict.fromkeys(windows, 1),
        "elsewhere": 0,
        "violations": [],
        "seeds": [4],
        "load": 3.5,
        "processors": 2,
        "commit": "1a2b3c4d",
    }
    text = reliability.page({"sqlite": busy, "postgresql": busy}, [], {"sqlite": again})
    assert "Kills: 212, at least 42 in each window. Failures: 2." in text
    busy["commit"] = "0f0f0f0f"
    named = reliability.page({"sqlite": busy}, [])
    assert "Commit of the executor: 0f0f0f0f.\n" in named
    assert text.count("Commit of the executor: 1a2b3c4d.\n") == 1
    assert "Commit" not in text.partition("Seeds run again")[0]
    assert text.count("Seeds run again: 4. Kills: 5.\nFailures: 0.\nLoad (median): 3.5 on 2") == 1


def test_the_page_says_of_which_executor_its_figures_are(reliability: ModuleType) -> None:
    written = (ROOT / "docs" / "reliability.md").read_text()
    assert written.startswith(reliability.HEAD)
    assert "The figures are those of the commit that each section names." in reliability.HEAD
    sections = written.split("\n### ")[1:]
    stores = [text for text in sections if text.partition("\n")[0] in reliability.STORES.values()]
    assert len(stores) == 2
    assert all("Commit of the executor: " in text for text in stores)


def test_every_fault_of_the_table_has_its_drills() -> None:
    text = (ROOT / "docs" / "testing.md").read_text().partition("## Faults by venue")[2]
    rows = [line for line in text.splitlines() if line.startswith("| F")]
    assert {int(row[3:].split()[0]) for row in rows} == set(range(1, 27))
    for row in rows:
        number, drills = row[2:].split()[0].lower(), row.split("|")[4]
        for name in re.findall(r"test_\w+\.py", drills):
            found = re.findall(rf"def (test_{number}_\w+)", (HERE / name).read_text())
            assert found != [], f"{name} has no drill of {number}"
            begins = [part for part in re.findall(r"`(test_f\w+?)_?…`", drills)]
            assert not begins or any(f.startswith(b) for f in found for b in begins), row
