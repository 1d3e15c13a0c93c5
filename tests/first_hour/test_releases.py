"""Task 9: compare two releases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lake.releases import Candidate, FlowRun, StrategyEntry, publish
from tests.first_hour.terminal import COLUMNS, at_terminal, piped
from trading.research.gates import GateVerdict

AS_OF = datetime(2025, 6, 20, tzinfo=UTC)


def published(folder: Path, k: float, sharpe: float, passed: bool, hours: int) -> str:
    """Publish a release of one strategy; return its id."""
    verdict = GateVerdict("trades", passed, 33.0 if passed else 3.0, 30.0, "30 are needed")
    entry = StrategyEntry(
        strategy="breakout",
        symbol="BTCUSDT",
        params={"k": k},
        out_of_sample={"sharpe": sharpe},
        verdicts=(verdict,),
    )
    candidate = Candidate(
        as_of=AS_OF + timedelta(hours=hours),
        fingerprint=(),
        flow_run=FlowRun(id=f"run-{hours}", name="nightly"),
        strategies=(entry,),
    )
    return publish(folder / "data_lake" / "published", candidate, AS_OF).release_id


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder with two releases, where commands look for them."""
    folder = tmp_path_factory.mktemp("releases")
    first = published(folder, 0.5, 0.25, False, 0)
    return folder, first, published(folder, 0.6, 1.75, True, 1)


def test_parameters_metrics_and_gates_stand_side_by_side_and_no_hash(
    two: tuple[Path, str, str],
) -> None:
    folder, first, second = two
    said = at_terminal(["release", "diff", first, second], folder)
    assert said.status == 0, said.text
    found = {}
    for line in said.text.splitlines():
        for row in ("k", "sharpe", "trades"):
            if row in line.replace("│", " ").split():
                found[row] = line
    assert list(found) == ["k", "sharpe", "trades"], said.text
    assert "0.5" in found["k"]
    assert "0.6" in found["k"]
    assert "0.25" in found["sharpe"]
    assert "1.75" in found["sharpe"]
    assert "FAILED" in found["trades"].replace("failed", "FAILED")
    assert "passed" in found["trades"]
    assert "sha256" not in said.text
    assert max(len(line) for line in said.text.splitlines()) <= COLUMNS


def test_the_list_marks_the_current_release_and_is_also_json(two: tuple[Path, str, str]) -> None:
    folder, first, second = two
    rows = json.loads(piped(["release", "list", "--json"], folder).text)
    assert [row["release"] for row in rows] == [first, second]
    assert [row["current"] for row in rows] == [False, True]
    assert [row["state"] for row in rows] == ["unproven", "unproven"]
    assert rows[1]["as_of"] == "2025-06-20T01:00:00Z"
    table = piped(["release", "list"], folder).text
    assert f"*  {second}" in table


def test_an_empty_lake_has_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "data_lake").mkdir()
    assert json.loads(piped(["release", "list", "--json"], tmp_path).text) == []
    assert "nocturne flow nightly" in piped(["release", "list"], tmp_path).text
