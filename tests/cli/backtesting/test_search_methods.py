"""`nocturne search` by method: seeds, a killed search, workers, the count in the lake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from lake.store import Lake
from lake.tables import SEARCHES

PROJECT = Path(__file__).parents[3]
CANDLES = PROJECT / "data_lake" / "sample" / "candles_1m" / "usdm" / "ETHUSDT.parquet"
SEARCH = (
    *("search", "--strategy", "breakout", "--candles", str(CANDLES), "--set", "filters=off"),
    *("--grid", "k=0.1:0.9:0.01", "--grid", "stop_loss=0.005:0.05:0.005"),
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def found(monkeypatch: pytest.MonkeyPatch, out: Path, *more: str) -> dict[str, Any]:
    """Return the JSON document of a search, without its times."""
    assert run(monkeypatch, *SEARCH, *more, "--json", str(out)) == 0
    document: dict[str, Any] = json.loads(out.read_text())
    return {name: value for name, value in document.items() if not name.startswith("seconds")}


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_workers_and_processes_change_nothing(
    method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = ("--method", method, "--trials", "30", "--seed", "7")
    out = tmp_path / "out.json"
    alone = found(monkeypatch, out, *options)
    assert alone["method"] == method
    assert 0 < len(alone["results"]) <= 30
    assert found(monkeypatch, out, *options, "--workers", "3") == alone
    if method == "random":
        assert found(monkeypatch, out, *options, "--workers", "2", "--processes") == alone


@pytest.mark.slow
def test_a_killed_search_resumes_and_gives_the_same_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = ("--method", "bayes", "--trials", "200", "--seed", "3")
    kept = tmp_path / "trials.jsonl"
    command = [sys.executable, "-m", "cli", *SEARCH, *options, "--resume", str(kept)]
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if kept.exists() and kept.read_bytes().count(b"\n") > 20:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    assert process.returncode == -signal.SIGKILL
    lines = kept.read_bytes().count(b"\n")
    out = tmp_path / "out.json"
    continued = found(monkeypatch, out, *options, "--resume", str(kept))
    assert continued == found(monkeypatch, out, *options)
    assert kept.read_bytes().count(b"\n") > lines


def test_the_lake_counts_every_distinct_set_and_deflates_by_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    count = ("--lake", str(tmp_path / "lake"), "--symbol", "ETHUSDT")
    out = tmp_path / "out.json"
    first = found(monkeypatch, out, "--method", "random", "--trials", "50", *count)
    assert (first["trials"], first["earlier_trials"]) == (50, 0)
    again = found(monkeypatch, out, "--method", "random", "--trials", "50", *count)
    assert (again["trials"], again["earlier_trials"]) == (50, 0)
    other = found(monkeypatch, out, "--method", "random", "--trials", "40", "--seed", "1", *count)
    sets = [
        {json.dumps(result["params"], sort_keys=True) for result in document["results"]}
        for document in (first, other)
    ]
    assert other["trials"] == len(sets[0] | sets[1])
    assert other["earlier_trials"] == len(sets[0] - sets[1])
    assert 1 <= other["effective_trials"] <= other["trials"]
    assert 0.0 <= other["deflated_sharpe"] <= 1.0
    rows = Lake(tmp_path / "lake").read(SEARCHES)
    assert rows.num_rows == 90


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "annealing"), "--method 'annealing' is not known"),
        (("--lake", "x"), "--lake and --symbol go together"),
        (("--objective", "luck"), "--objective 'luck' is not a measure"),
        (("--workers", "300"), "300 workers are not possible"),
        (
            ("--method", "random", "--trials", "100000000", "--grid", "take_profit=0:1:0.0001"),
            "use larger steps, fewer parameters or fewer days",
        ),
        (("--method", "bayes", "--grid", "take_profit=0:1:1e-9"), "use a larger step"),
        (("--method", "bayes", "--grid", "take_profit=0.2:0.1:0.01"), "put the smaller end first"),
        (("--method", "random", "--grid", "take_profit=0.5:1.5:0.1"), "is out of bounds"),
        (("--resume", "no/such/folder/trials.jsonl"), "cannot be opened"),
    ],
)
def test_an_impossible_search_gives_one_sentence(
    options: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *SEARCH, *options) == 2
    assert message in capsys.readouterr().err
