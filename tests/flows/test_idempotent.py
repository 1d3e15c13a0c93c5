"""A flow killed at any moment and run again ends in the same state as an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.releases import read_current
from tests.flows.sample import AS_OF, PROJECT, lake_state, write_sample, write_settings

KILL_IN_WRITE = "from tests.flows.killed_in_write import kill_in_write"


class Night:
    """A nightly in a process of its own that can be killed.

    With ``kill_in_write`` it kills itself in its n-th write, when the temporary file is whole but
    has not its name yet.
    """

    def __init__(self, folder: Path, lake: Path, *, kill_in_write: int = 0) -> None:
        program = "from cli.main import main; main()"
        if kill_in_write:
            program = f"{KILL_IN_WRITE}; kill_in_write({kill_in_write}); {program}"
        command = [sys.executable, "-c", program, "flow", "nightly"]
        options = {
            "--as-of": AS_OF.isoformat(),
            "--lake": lake,
            "--sample": folder / "sample",
            "--settings": folder / "research.toml",
            "--server": "none",
        }
        arguments = [str(part) for pair in options.items() for part in pair]
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def lines(self) -> Iterator[str]:
        """Yield lines of progress as they come."""
        assert self.process.stdout is not None
        yield from self.process.stdout

    def finish(self) -> list[str]:
        """Let it run to its end."""
        lines = list(self.lines())
        self._close()
        assert self.process.wait() == 0, "".join(lines[-20:])
        return lines

    def kill_at(self, text: str) -> bool:
        """Kill it when a line contains ``text``; return false when it ended first."""
        for line in self.lines():
            if text in line:
                self.kill()
                return True
        self._close()
        self.process.wait()
        return False

    def kill_at_line(self, number: int, pause_s: float) -> bool:
        """Kill it a moment after its n-th line; return false when it ended first."""
        for count, _ in enumerate(self.lines(), 1):
            if count == number:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(pause_s)
                ended = self.process.poll() is not None
                self.kill()
                return not ended
        self._close()
        self.process.wait()
        return False

    def ends_killed(self) -> bool:
        """Wait for its end; return whether it was killed."""
        for _ in self.lines():
            pass
        self._close()
        return self.process.wait() == -signal.SIGKILL

    def kill(self) -> None:
        """Kill it without warning or cleanup."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close()

    def _close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sample, its settings, and a lake that an undisturbed nightly filled."""
    folder = tmp_path_factory.mktemp("kills")
    write_sample(folder / "sample")
    write_settings(folder)
    Night(folder, folder / "undisturbed").finish()
    return folder


IN_AND_BETWEEN = ("import done", "validate …", "validate done", "optimize …", "publish …")
EVERYWHERE = (
    "import …",
    *IN_AND_BETWEEN,
    "optimize done",
    "bars …",
    "bars done",
    "publish done",
    "report …",
    "report done",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "moments",
    [
        pytest.param(IN_AND_BETWEEN, id="in and between the steps"),
        pytest.param(EVERYWHERE, id="everywhere"),
    ],
)
def test_a_nightly_killed_repeatedly_ends_in_the_same_state(
    folder: Path, moments: tuple[str, ...]
) -> None:
    lake = folder / f"killed-{len(moments)}-times"
    for moment in moments:
        assert Night(folder, lake).kill_at(moment), moment
    Night(folder, lake).finish()
    assert lake_state(lake) == lake_state(folder / "undisturbed")


@pytest.mark.slow
def test_a_second_run_changes_only_the_report(folder: Path) -> None:
    root = folder / "undisturbed"
    before = {
        path: path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file() and "reports" not in path.relative_to(root).parts
    }
    lines = Night(folder, root).finish()
    assert "unchanged: it is the current release" in lines[-1]
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def kill_somewhere(folder: Path, lake: Path, lines: int, moments: random.Random) -> None:
    """Kill a night at a random moment; one that ends before its moment is run again."""
    for _ in range(20):
        if Night(folder, lake).kill_at_line(moments.randrange(1, lines), moments.uniform(0.0, 0.5)):
            return
    raise AssertionError("twenty nights in a row ended before they could be killed")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_nightly_killed_at_twenty_random_moments_ends_in_the_same_state(tmp_path: Path) -> None:
    """Five lakes: each night is killed inside a random write, then at three random moments."""
    write_sample(tmp_path / "sample", ("BTCUSDT", "ETHUSDT"))
    write_settings(tmp_path, models=True)
    whole = tmp_path / "undisturbed"
    lines = Night(tmp_path, whole).finish()
    files = sum(path.is_file() for path in whole.rglob("*"))
    moments, kills = random.Random(20250619), 0
    for attempt in range(5):
        lake = tmp_path / f"killed-{attempt}"
        number = moments.randrange(1, files // 2)
        assert Night(tmp_path, lake, kill_in_write=number).ends_killed()
        assert list(lake.rglob(".*.tmp")), f"write {number} was not under way"
        kills += 1
        for _ in range(3):
            kill_somewhere(tmp_path, lake, len(lines), moments)
            kills += 1
        Night(tmp_path, lake).finish()
        assert lake_state(lake) == lake_state(whole), attempt
        assert not list(lake.rglob("*.tmp"))
        ours, theirs = (read_current(root / "published", AS_OF) for root in (lake, whole))
        assert ours.release_id == theirs.release_id
        assert [file.sha256 for file in ours.files] == [file.sha256 for file in theirs.files]
    assert kills == 20
