"""The commands of the runbooks, in their order, against a running executor."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.executor.harness import DEADLINE_S, ROOT, Bench, Replay, utc
from tests.waiting import until

ONE_TRADE = (utc("2025-06-18T12:00"), 3.0)
"""ETHUSDT is bought at 13:15 and reaches its take-profit at 14:03."""
IN_ORDER = ("A key has leaked", "Replace a key", "Upgrade")
"""Those that end and start the executor; the commands of the others have tests of their own."""
TEXT = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAY_REPORT = ("doctor", "health")
"""They end with 1 where they find something, as in a replay that has ended."""


def commands(section: str) -> list[list[str]]:
    """The commands of a section, each as words without its prompt."""
    lines = "".join(BLOCK.findall(section)).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    return [shlex.split(line[2:]) for line in lines]


RUNBOOKS = {name: found for name, text in SECTION.findall(TEXT) if (found := commands(text))}


def stop_cleanly(process: subprocess.Popen[str]) -> None:
    """Stop an executor as systemd does."""
    process.terminate()
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors


class Machine:
    """A machine with systemd, of which the runbooks ask for the executor alone."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder, Replay(*ONE_TRADE))
        config = folder / "config"
        config.mkdir()
        text = self.bench.settings.read_text(encoding="utf-8")
        self.bench.settings = config / "settings.toml"
        self.bench.settings.write_text(
            text.replace('"published"', '"../published"').replace('"state"', '"../state"')
        )
        self.process: subprocess.Popen[str] | None = None

    def status(self) -> str:
        """What the executor says of itself; empty while none answers."""
        done = self._nocturne("executor", "status", "--settings", str(self.bench.settings))
        return str(json.loads(done.stdout)["status"]) if done.returncode == 0 else ""

    def systemctl(self, verb: str) -> None:
        """Start or stop the executor as systemd does."""
        if verb in ("stop", "restart"):
            assert self.process is not None
            stop_cleanly(self.process)
        if verb in ("start", "restart"):
            self.process = self.bench.start()
            until("a running executor", lambda: self.status() == "running", DEADLINE_S, 0.3)

    def run(self, words: list[str]) -> None:
        """Run one line of a runbook."""
        if words[0] == "systemctl":
            self.systemctl(words[1])
            return
        assert words[0] == "nocturne", words
        copies = sorted((self.bench.folder / "state" / "backups").glob("*.sqlite"))
        given = [
            word.replace("state/backups/COPY", str(copies[-1]) if copies else "none").replace(
                "config/settings.toml", str(self.bench.settings)
            )
            for word in words[1:]
        ]
        done = self._nocturne(*given)
        allowed = (0, 1) if any(word in MAY_REPORT for word in given[:2]) else (0,)
        assert done.returncode in allowed, f"{words}\n{done.stdout}{done.stderr}"

    def _nocturne(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.bench.nocturne(*words)


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_ORDER)
def test_the_commands_of_a_runbook_work_in_their_order(name: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    try:
        machine.systemctl("start")
        for words in RUNBOOKS[name]:
            machine.run(words)
        assert machine.status() == "running"
    finally:
        machine.bench.close()


def test_there_is_a_runbook_for_each_of_these() -> None:
    assert set(RUNBOOKS) == {
        "A key has leaked",
        "Replace a key",
        "Upgrade",
        "Restore the ledger",
        "Stop everything",
    }
