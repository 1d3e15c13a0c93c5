"""A run under a Prefect server of its own is recorded there and leaves no server behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.hosting import server_process
from flows.hosting.server import take_home
from tests.flows.sample import AS_OF, PROJECT, write_settings
from tests.waiting import until

DEADLINE_S = 60.0


def start_scan(folder: Path) -> subprocess.Popen[str]:
    """Start `nocturne flow scan --server private` in a process of its own."""
    options = ["--as-of", f"{AS_OF:%Y-%m-%d}", "--lake", str(folder / "lake")]
    options += ["--settings", str(write_settings(folder)), "--server", "private"]
    program = "from cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "flow", "scan", *options],
        cwd=PROJECT,
        env={**os.environ, "HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_only_one_server_can_use_a_home(tmp_path: Path) -> None:
    first = take_home(tmp_path, 0.0)
    assert first is not None
    assert take_home(tmp_path, 0.0) is None
    first.close()
    second = take_home(tmp_path, 0.0)
    assert second is not None
    second.close()


@pytest.mark.slow
def test_a_run_uses_its_own_server_and_leaves_no_server_and_no_files_at_home(
    tmp_path: Path,
) -> None:
    (tmp_path / "home").mkdir()
    server_process.prepare()
    process = start_scan(tmp_path)
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, output
    assert output.splitlines()[-1].endswith("0 symbols traded in the last 24 hours")
    url = next(line.split()[-1] for line in output.splitlines() if "Prefect server at" in line)
    assert not server_process.healthy(url)
    assert list((tmp_path / "home").iterdir()) == []
    assert (tmp_path / "work" / "prefect" / "prefect.db").is_file()


@pytest.mark.slow
def test_the_server_of_a_killed_run_ends_by_itself(tmp_path: Path) -> None:
    server_process.prepare()
    process = start_scan(tmp_path)
    assert process.stdout is not None
    line = next(text for text in process.stdout if "Prefect server at" in text)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    url = line.split()[-1]
    until("end of the run's server", lambda: not server_process.healthy(url), DEADLINE_S, 0.1)
