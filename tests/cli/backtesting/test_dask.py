"""`nocturne search --dask`: a cluster finds what one thread finds, to the bit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.backtesting.test_search_methods import found, run

pytest.importorskip("distributed")
PROJECT = Path(__file__).parents[3]
SCHEDULER = """
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
    )
    print(cluster.scheduler_address, flush=True)
    input()
    cluster.close()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a scheduler with two workers, each its own process."""
    script = tmp_path_factory.mktemp("dask") / "cluster.py"
    script.write_text(SCHEDULER)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", address)
        yield address
        process.communicate("\n", timeout=30)
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_two_dask_workers_find_what_one_thread_finds(
    method: str, cluster: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sampled = ("--trials", "60", "--seed", "7") if method != "grid" else ()
    options = ("--method", method, *sampled)
    alone = found(monkeypatch, tmp_path / "alone.json", *options, "--workers", "1")
    spread = found(monkeypatch, tmp_path / "spread.json", *options, "--dask", cluster)
    assert spread == alone
    assert len(alone["results"]) > 20


@pytest.mark.slow
def test_a_missing_scheduler_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = PROJECT / "data_lake" / "sample" / "candles_1m" / "usdm" / "ETHUSDT.parquet"
    command = ("search", "--strategy", "breakout", "--candles", str(candles), "--grid", "k=0.5")
    monkeypatch.setattr("cli.backtesting.dask_workers.TIMEOUT_S", 1)
    assert run(monkeypatch, *command, "--dask", "tcp://127.0.0.1:9") == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in message
