"""Tasks 8, 10, 11 and 13: what runs, what it holds and won, why, and how to stop it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.executor.harness import KEYS, Bench, Replay, utc
from tests.first_hour.terminal import COLUMNS, NOCTURNE, Said, at_terminal, environment, piped
from tests.waiting import until

ONE_TRADE = (utc("2025-06-18T12:00"), 3.0)
"""ETHUSDT is bought at 13:15 and reaches its take-profit at 14:03."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A replay of three hours that has ended."""
    made = Bench(tmp_path_factory.mktemp("replay"), Replay(*ONE_TRADE))
    try:
        made.finish()
        yield made
    finally:
        made.close()


def ledger(bench: Bench) -> list[str]:
    return ["--settings", str(bench.settings)]


class TestWhatWasWon:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("positions", "no open position"),
            ("trades", "take_profit"),
            ("profit", "30 days"),
        ],
    )
    def test_a_list_is_a_table_that_fits(
        self, name: str, words: str, bench: Bench, tmp_path: Path
    ) -> None:
        said = at_terminal(["executor", name, *ledger(bench)], tmp_path)
        assert said.status == 0
        assert words in said.text
        assert max(len(line) for line in said.text.splitlines()) <= COLUMNS

    @pytest.mark.parametrize("name", ["positions", "trades", "profit"])
    def test_every_list_is_also_json(self, name: str, bench: Bench, tmp_path: Path) -> None:
        said = piped(["executor", name, *ledger(bench), "--json"], tmp_path)
        rows = json.loads(said.text)
        assert isinstance(rows, list)
        assert len(rows) == {"positions": 0, "trades": 1, "profit": 4}[name]

    def test_why_leads_a_fill_back_to_its_candle(self, bench: Bench, tmp_path: Path) -> None:
        order = bench.rows("select client_id from orders order by created_at")[0]["client_id"]
        said = piped(["why", order, "--ledger", str(bench.ledger)], tmp_path)
        for word in ("signal", "candle ETHUSDT", bench.release_id, "position"):
            assert word in said.text

    def test_ledger_and_release_name_the_version_that_wrote_them(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        (_, number) = piped(["--version"], tmp_path).text.split()
        (kept,) = bench.rows("select value from meta where name = 'version'")
        (begun,) = bench.rows("select data from events where type = 'system_started'")
        assert kept["value"] == number
        assert json.loads(begun["data"])["version"] == number
        file = bench.folder / "published" / "releases" / bench.release_id / "manifest.json"
        assert json.loads(file.read_text())["version"] == number


class TestWhatRuns:
    def test_a_run_begins_with_mode_venues_release_positions_and_limits(
        self, tmp_path: Path
    ) -> None:
        bench = Bench(tmp_path, Replay(*ONE_TRADE))
        try:
            said = run_to_the_end(bench)
        finally:
            bench.close()
        head, rest = said.text.splitlines()[:6], said.text.splitlines()[6:]
        assert [line.split()[0] for line in head] == [
            "mode", "venues", "release", "positions", "limits", "state",
        ]  # fmt: skip
        assert "replay (recorded data, no real money)" in head[0]
        assert bench.release_id in head[2]
        assert any("position opened" in line and "ETHUSDT" in line for line in rest)
        assert any("position closed" in line for line in rest)
        assert "the replay is finished" in rest[-1]
        assert "secret-of-the-harness" not in said.text + said.errors

    def test_without_a_release_the_banner_and_the_status_say_why_nothing_will_trade(
        self, tmp_path: Path
    ) -> None:
        bench = Bench(tmp_path, Replay(*ONE_TRADE, sandbox=("--clock", "stepped")))
        (tmp_path / "published" / "current").unlink()
        running = subprocess.Popen(
            [str(NOCTURNE), "executor", "run", *ledger(bench)],
            env=environment(tmp_path, **KEYS),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until("an answer", lambda: status(bench, tmp_path).status == 0, 60)
            shown = at_terminal(["executor", "status", *ledger(bench)], tmp_path)
            assert "none will be made: there is no release" in shown.text
            assert json.loads(status(bench, tmp_path).text)["release"] is None
            stopped = piped(["executor", "stop", *ledger(bench)], tmp_path)
            assert stopped.status == 0
            assert stopped.text == (
                f"stopped: executor of account test, mode replay, pid {running.pid};"
                " no position was open\n"
            )
            printed, _ = running.communicate(timeout=20)
            assert running.returncode == 0
        finally:
            if running.poll() is None:
                running.kill()
                running.communicate()
            bench.close()
        assert "none, so nothing will trade: no release is published in" in printed

    def test_a_stop_without_an_executor_says_so(self, bench: Bench, tmp_path: Path) -> None:
        said = piped(["executor", "stop", *ledger(bench)], tmp_path)
        assert said.status == 2
        assert "no executor answers in" in said.errors
        assert len(said.errors.splitlines()) == 1

    def test_a_paper_market_that_does_not_run_names_the_command(self, tmp_path: Path) -> None:
        piped(["init", "."], tmp_path)
        settings = tmp_path / "config" / "settings.toml"
        settings.write_text(settings.read_text().replace(":8900", ":9"))
        running = subprocess.Popen(
            [str(NOCTURNE), "executor", "run", "--settings", str(settings)],
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stdout is not None
        try:
            head = [running.stdout.readline() for _ in range(6)]
        finally:
            running.kill()
            running.communicate()
        assert "does not answer: nocturne paper start" in head[1]


def run_to_the_end(bench: Bench) -> Said:
    """Run the executor with a pipe that is read."""
    words = ["executor", "run", *ledger(bench), "--until-finished"]
    return piped(words, bench.folder, **KEYS)


def status(bench: Bench, folder: Path) -> Said:
    return piped(["executor", "status", *ledger(bench)], folder)


def test_down_says_what_it_stopped(tmp_path: Path) -> None:
    """`make down` calls this module; nothing runs in a new home."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert "-m flows.hosting.local down" in makefile
    done = subprocess.run(
        [str(NOCTURNE.with_name("python")), "-m", "flows.hosting.local", "down", "--home", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "nothing is running\n")
