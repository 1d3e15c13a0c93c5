"""The tutorial, run as it is written: from an empty folder to a traded day."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.docs.test_documents import FENCE, ROOT
from tests.first_hour.terminal import environment
from tests.flows.candle_lake import SAMPLE
from tests.waiting import until

PAGE = ROOT / "docs" / "tutorial.md"
DEADLINE_S = 900
FIRST_DAY = datetime(2025, 5, 26, tzinfo=UTC)
PORT = "8901"


def blocks(page: Path = PAGE) -> Iterator[tuple[list[str], str]]:
    """Yield the words behind the fence of each block, and its text."""
    for block in FENCE.finditer(page.read_text(encoding="utf-8")):
        yield block["info"].split(), block["body"]


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._port = str(port)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = environment(folder, PATH=path, NOCTURNE_COMPILE="never")
        self.behind: list[subprocess.Popen[str]] = []

    def do(self, words: list[str], text: str) -> None:
        text = text.replace(PORT, self._port)
        if words == ["console", "tutorial"]:
            for line in text.splitlines():
                self._run(line.removeprefix("$ "))
        elif words[0] == "toml":
            how, _, name = words[1].partition("=")
            self._write(how, self.folder / name, text)

    def _run(self, line: str) -> None:
        if line.startswith("cd "):
            self.folder /= line.removeprefix("cd ")
            return
        if line.endswith("&"):
            self._start(shlex.split(line.removesuffix("&")))
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"

    def _start(self, words: list[str]) -> None:
        log = self.folder / "behind.log"
        with log.open("w") as output:
            self.behind.append(
                subprocess.Popen(
                    words,
                    cwd=self.folder,
                    env=self._environment | {"PYTHONUNBUFFERED": "1"},
                    stdout=output,
                    stderr=output,
                    text=True,
                )
            )
        until("listening", lambda: "listening on" in log.read_text(), 120)

    def _write(self, how: str, file: Path, text: str) -> None:
        old = file.read_text(encoding="utf-8") if file.exists() else ""
        if how == "file":
            file.write_text(text, encoding="utf-8")
        elif how == "append":
            file.write_text(old + text, encoding="utf-8")
        else:
            for line in text.splitlines():
                name = line.split(" = ")[0]
                old, count = re.subn(rf"^{name} = .*$", line, old, flags=re.MULTILINE)
                assert count == 1, name
            file.write_text(old, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(DEADLINE_S)
def test_the_tutorial_ends_with_a_day_that_the_own_strategy_traded(tmp_path: Path) -> None:
    (tmp_path / "candles").mkdir()
    rows = pl.read_parquet(SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet")
    own = rows.filter(pl.col("open_time") >= FIRST_DAY).rename({"open_time": "date"})
    own.write_parquet(tmp_path / "candles" / "BTCUSDT.parquet")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    reader = Reader(tmp_path, port)
    try:
        for words, text in blocks():
            reader.do(words, text)
    finally:
        for process in reader.behind:
            process.kill()
            process.wait()
    assert (reader.folder / "breakout.html").is_file()
    assert list((reader.folder / "data_lake" / "reports").glob("*.html"))
    ledger = sqlite3.connect(reader.folder / "state" / "replay" / "ledger.sqlite")
    try:
        trades = ledger.execute(
            "select strategy, count(*) from positions where status = 'closed' group by 1"
        ).fetchall()
    finally:
        ledger.close()
    assert [name for name, _ in trades] == ["my_rises"]
    assert trades[0][1] >= 1


def test_every_step_of_the_tutorial_is_run_but_those_that_need_the_network() -> None:
    shown = [text for words, text in blocks() if words[0] == "console" and len(words) == 1]
    lines = [line for text in shown for line in text.splitlines()]
    assert all(re.match(r"\$ nocturne (why|paper|executor)", line) for line in lines)
    assert sum(words == ["console", "tutorial"] for words, _ in blocks()) >= 6


def test_the_korean_tutorial_has_the_same_steps() -> None:
    assert list(blocks(PAGE.with_suffix(".ko.md"))) == list(blocks())
