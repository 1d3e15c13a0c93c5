"""Killing the demo at any moment and running it again ends where an undisturbed run ends."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lake.releases import current_release

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 900

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(DEADLINE_S),
]

# The demo is killed when it first prints one of these: inside and between the research steps, and
# inside the replay.
MOMENTS = ("validate …", "optimize 1/4", "publish …", "sandbox exchange at", "[####")


def demo(work: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "demo", "--work", str(work)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run_to_end(work: Path) -> str:
    with demo(work) as process:
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, output
    return output


def kill_at(work: Path, moment: str) -> bool:
    """Kill -9 the whole session once ``moment`` was printed; False when the demo ended before."""
    with demo(work) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if moment in line:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.wait()
    return process.returncode == -signal.SIGKILL


def wait_until_gone(work: Path) -> None:
    """Wait until every process of the killed run is gone."""
    deadline = time.monotonic() + 60
    while alive := processes_of(work):
        assert time.monotonic() < deadline, alive
        signal.sigtimedwait([], 0.1)


def processes_of(work: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(work) in command:
                found.append(command)
    return found


def tables(work: Path) -> dict[str, str]:
    """Return the SHA-256 of every table file but the ledger's, which hold wall-clock times."""
    lake = work / "lake"
    return {
        path.relative_to(lake).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(lake.rglob("*.parquet"))
        if path.relative_to(lake).parts[0] != "ledger"
    }


def test_a_demo_killed_again_and_again_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    run_to_end(undisturbed)
    for moment in MOMENTS:
        assert kill_at(killed, moment), f"the demo ended before it printed {moment!r}"
        wait_until_gone(killed)
    run_to_end(killed)
    assert tables(killed) == tables(undisturbed)
    releases = [current_release(work / "lake" / "published") for work in (killed, undisturbed)]
    assert releases[0].release_id == releases[1].release_id
    assert releases[0].manifest.files == releases[1].manifest.files


@pytest.mark.parametrize("moment", ["starting a Prefect server", "validate …", "[####"])
def test_ctrl_c_ends_the_demo_with_status_130_without_a_traceback(
    tmp_path: Path, moment: str
) -> None:
    work = tmp_path / "demo"
    output = []
    with demo(work) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if moment in line:
                # The terminal sends Ctrl-C to everything that runs in it.
                os.killpg(process.pid, signal.SIGINT)
                break
        output += process.stdout.readlines()
        process.wait(timeout=60)
    printed = "".join(output)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    assert "Interrupted; run it again to continue." in printed
    wait_until_gone(work)
