"""The SQL shell in a real pseudo-terminal, and its statements from a pipe."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from cli.main import main
from cli.sql.completion import Completion
from lake.store import Lake
from lake.tables import RAW_FUNDING

DEADLINE_S = 60.0
PROMPT = "nocturne> "


class Terminal:
    """`nocturne sql` behind a pseudo-terminal; every wait has a deadline."""

    def __init__(self, lake: Path, state: Path) -> None:
        self.master, slave = pty.openpty()
        environment = os.environ | {"XDG_STATE_HOME": str(state), "TERM": "dumb"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli", "sql", "--lake", str(lake)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.seen = ""

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def until(self, words: str) -> str:
        """Return the output up to ``words``, and take it away."""
        end = time.monotonic() + DEADLINE_S
        while words not in self.seen:
            left = end - time.monotonic()
            ready, _, _ = select.select([self.master], [], [], max(0.0, left))
            assert ready, f"no {words!r} within {DEADLINE_S:g} s, but {self.seen!r}"
            self.seen += os.read(self.master, 65536).decode()
        before, _, self.seen = self.seen.partition(words)
        return before

    def until_idle(self) -> None:
        """Wait until the shell waits for a key: readline misses a signal just before that."""
        end = time.monotonic() + DEADLINE_S
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < end, f"the shell is busy after {DEADLINE_S:g} s"

    def ask(self, line: str) -> str:
        """Type a line at the prompt and return what is printed before the next prompt."""
        self.send(line + "\n")
        self.until("\r\n")
        return self.until(PROMPT).replace("\r\n", "\n")

    def ends(self) -> int:
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        os.close(self.master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A test run in the background ignores Ctrl-C, and its children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    times = [datetime(2025, 5, 1, hour, tzinfo=UTC) for hour in (0, 8)]
    table = pa.table(
        {"funding_time": pa.array(times, pa.timestamp("ms", tz="UTC")), "funding_rate": [0.1, 0.2]}
    )
    root = tmp_path / "lake"
    Lake(root).write(RAW_FUNDING, table, venue="binance_usdm", symbol="BTCUSDT")
    return root


@pytest.fixture
def terminal(lake: Path, tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(lake, tmp_path / "state")
    yield opened
    opened.close()


def test_a_person_works_in_the_shell(terminal: Terminal, lake: Path, tmp_path: Path) -> None:
    terminal.until(PROMPT)
    assert "(1 row)" in terminal.ask("select count(*) as n from funding;")

    # A statement over several lines.
    terminal.send("select sum(funding_rate) as paid\n")
    terminal.until("...> ")
    terminal.send("from funding -- not yet;\n")
    terminal.until("...> ")
    assert "0.3" in terminal.ask(";")

    # Mistakes take one sentence, and the shell goes on.
    assert terminal.ask("selec 1;").startswith("error: SQL: Parser Error")
    assert "read-only here, CREATE is not possible" in terminal.ask("create table x (a int);")
    assert len(terminal.ask("select nope from funding;").splitlines()) == 1

    # Dot commands.
    assert ".schema TABLE" in terminal.ask(".help")
    assert {"funding", "candles"} <= set(terminal.ask(".tables").splitlines())
    assert "funding_rate  DOUBLE" in terminal.ask(".schema funding")
    assert "there is no table nope" in terminal.ask(".schema nope")
    assert "there is no command .nope" in terminal.ask(".nope")

    # Ctrl-C clears the line, also the lines before it.
    terminal.send("select 1,\n")
    terminal.until("...> ")
    terminal.send("not finished")
    terminal.until("not finished")
    terminal.until_idle()
    terminal.send("\x03")
    terminal.until(PROMPT)
    assert "(1 row)" in terminal.ask("select 2 as two;")

    # Tab completes tables and columns.
    terminal.send("select funding_ra\t")
    terminal.until("funding_rate")
    terminal.send(" from fundi\t")
    terminal.until("from funding")
    assert "(2 rows)" in terminal.ask(";")

    terminal.send(".quit\n")
    assert terminal.ends() == 0
    history = tmp_path / "state" / "nocturne" / "sql_history"
    assert "select 2 as two;" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0

    # The next shell knows the history, and Ctrl-D ends it.
    again = Terminal(lake, tmp_path / "state")
    try:
        again.until(PROMPT)
        again.send("\x10\x10")  # twice up: .quit, then the query before it
        again.until("select funding_rate from funding;")
        again.send("\n")
        again.until("(2 rows)")
        again.until(PROMPT)
        again.send("\x04")
        assert again.ends() == 0
    finally:
        again.close()


def test_an_interrupted_statement_leaves_the_shell_running(terminal: Terminal) -> None:
    terminal.until(PROMPT)
    terminal.send(
        "select count(*) from range(10000000000) a, range(1000) b where a.range > b.range;\n"
    )
    terminal.until("\r\n")
    os.killpg(terminal.process.pid, signal.SIGINT)
    terminal.until(PROMPT)
    assert "(1 row)" in terminal.ask("select 1 as one;")


def test_a_state_folder_that_cannot_be_written_costs_only_the_history(
    lake: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    terminal = Terminal(lake, tmp_path / "state")
    try:
        terminal.until(PROMPT)
        assert "(1 row)" in terminal.ask("select 1 as one;")
        terminal.send("\x04")
        assert terminal.ends() == 0
    finally:
        terminal.close()


def run(monkeypatch: pytest.MonkeyPatch, lake: Path, text: str, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", "sql", "--lake", str(lake), *options])
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_pipe_runs_statement_after_statement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    text = (
        "-- two\nselect 1 as a; select\n 'x;' as b;\n.tables\nselect count(*) as n\nfrom funding\n"
    )
    assert run(monkeypatch, lake, text, "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["a", "1", "b", "x;"]
    assert lines[-2:] == ["n", "2"]


def test_the_first_mistake_in_a_pipe_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    text = "select 1 as a;\nselect nope from funding;\nselect 2 as b;\n"
    assert run(monkeypatch, lake, text, "--format", "csv") == 2
    captured = capsys.readouterr()
    assert captured.out == "a\n1\n"
    assert captured.err.startswith("error: SQL: Binder Error")
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "\n", "-- nothing\n", ";\n"])
def test_a_pipe_without_a_statement_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path, text: str
) -> None:
    assert run(monkeypatch, lake, text) == 2
    assert capsys.readouterr().err.startswith("error: one query is expected")


def test_quit_ends_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    assert run(monkeypatch, lake, ".quit\nselec 1;\n") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("before", "word", "found"),
    [
        ("", ".s", [".schema"]),
        ("select ", ".s", []),
        (".schema ", "fi", ["fills"]),
        ("select 1 from ", "F", ["fills", "funding"]),
        ("SELECT 1\nFROM ", "fu", ["funding"]),
        ("select * from funding where ", "fu", ["funding", "funding_rate"]),
        ("select ", "pri", ["price"]),
        ("select * from funding where ", "pri", []),
        ("select ", "fills.pr", ["fills.price"]),
        ("select ", "nope.pr", []),
        ("", "SEL", ["SELECT"]),
        ("", "sel", ["select"]),
    ],
)
def test_completion_knows_the_place(before: str, word: str, found: list[str]) -> None:
    columns = {"fills": ["price"], "funding": ["funding_rate"]}
    assert Completion(columns, [".schema", ".tables"]).of(before, word) == found
