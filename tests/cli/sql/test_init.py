"""The script for the plain duckdb command, run by the real one from another folder."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from cli.main import main
from lake.store import Lake
from lake.tables import RAW_FUNDING


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a lake, which the command runs in."""
    folder = tmp_path / "a 'home' [1]"
    times = [datetime(2025, 5, 1, hour, tzinfo=UTC) for hour in (0, 8)]
    table = pa.table(
        {"funding_time": pa.array(times, pa.timestamp("ms", tz="UTC")), "funding_rate": [0.1, 0.2]}
    )
    Lake(folder / "data_lake").write(RAW_FUNDING, table, venue="binance_usdm", symbol="BTCUSDT")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NOCTURNE_LAKE", raising=False)
    return folder


def write_init(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr(sys, "argv", ["nocturne", "sql", "--init", "views.sql", *options])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code


@pytest.mark.parametrize("absolute", [False, True], ids=["relative lake", "absolute lake"])
def test_the_duckdb_command_reads_the_lake_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path, absolute: bool
) -> None:
    pytest.importorskip("duckdb_cli", reason="run `make setup-dev`")
    write_init(monkeypatch, "--lake", str(home / "data_lake") if absolute else "data_lake")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    question = "select symbol, count(*) as n, max(funding_time) as last from funding group by 1"
    for script in (home / "views.sql", Path("..") / home.name / "views.sql"):
        command = [sys.executable, "-m", "duckdb_cli", "-init", str(script), "-csv", "-c", question]
        answer = subprocess.run(
            command, cwd=elsewhere, capture_output=True, text=True, timeout=60, check=False
        )
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.splitlines() == ["symbol,n,last", "BTCUSDT,2,2025-05-01 08:00:00+00"]


def test_the_script_runs_twice_on_a_database_file(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    write_init(monkeypatch, "--as-of", "2025-05-01T08:00Z")
    script = (home / "views.sql").read_text()
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with duckdb.connect(str(tmp_path / "own.duckdb")) as connection:
            connection.execute(script)
            assert connection.execute("select count(*) from funding").fetchall() == [(1,)]
