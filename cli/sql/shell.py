"""The SQL shell: reads statements from a terminal or a stream and prints their results."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import typer

from cli.sql.completion import Completion
from cli.sql.line_editor import line_editing
from lake.catalog import columns_of_views, ends_statement, fetch, split
from trading.errors import DataError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

PROMPT = "nocturne> "
CONTINUATION = "     ...> "
HELP = """\
End a statement with ; and it runs, over as many lines as you like. Tab completes, Ctrl-C clears
the line, Ctrl-D quits.
.tables         list the tables
.schema TABLE   list the columns of a table
.help           show this text
.quit           leave the shell
"""
COMMANDS = (".help", ".quit", ".schema", ".tables")


class Shell:
    """Statements in, tables of text out; `show` formats a result."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, show: Callable[[pa.Table], str]
    ) -> None:
        self._connection = connection
        self._show = show
        self._pending = ""

    def run_stream(self, lines: Iterable[str]) -> bool:
        """Run the statements of a stream, the last one also without ``;``.

        Returns false if there was none. The first mistake raises `DataError`.
        """
        empty = True
        for line in lines:
            if not self._pending and line.strip().startswith("."):
                empty = False
                if not self._command(line):
                    return True
                continue
            self._pending += line
            if ends_statement(self._pending):
                empty = not self._run_pending() and empty
        return not (not self._run_pending() and empty)

    def run_terminal(self) -> None:
        """Talk to a person until they quit; a mistake is reported and the shell goes on."""
        completion = Completion(columns_of_views(self._connection), COMMANDS)
        with line_editing(lambda before, word: completion.of(self._pending + before, word)):
            while self._turn():
                pass

    def _turn(self) -> bool:
        try:
            return self._take(input(CONTINUATION if self._pending else PROMPT))
        except EOFError:
            typer.echo()
            return False
        except KeyboardInterrupt:
            typer.echo()
        except DataError as error:
            typer.echo(f"error: {error}", err=True)
        self._pending = ""
        return True

    def _take(self, line: str) -> bool:
        if not self._pending and line.strip().startswith("."):
            return self._command(line)
        if self._pending or line.strip():
            self._pending += line + "\n"
        if ends_statement(self._pending):
            self._run_pending()
        return True

    def _run_pending(self) -> bool:
        """Run what was typed so far; false if that is nothing but blanks and comments."""
        text, self._pending = self._pending, ""
        statements = split(text)
        for statement in statements:
            typer.echo(self._show(self._fetch(statement)), nl=False)
        return bool(statements)

    def _fetch(self, statement: str) -> pa.Table:
        """Run a statement beside this thread; Ctrl-C cancels it and then is raised here.

        Raised at once, it could strike while the other thread starts, and leave that running.
        """
        cancelled = threading.Event()
        before = signal.signal(signal.SIGINT, lambda *_: cancelled.set())
        try:
            with ThreadPoolExecutor(max_workers=1) as pool:
                result = pool.submit(fetch, self._connection, statement)
                while not result.done():
                    # A statement that has not begun yet does not notice: cancel until it ends.
                    if cancelled.is_set():
                        self._connection.interrupt()
                    wait([result], timeout=0.05)
        finally:
            signal.signal(signal.SIGINT, before)
        if cancelled.is_set():
            raise KeyboardInterrupt
        return result.result()

    def _command(self, line: str) -> bool:
        """Run one command that starts with a dot; false means quit."""
        name, *rest = line.strip().rstrip(";").split()
        if name in (".quit", ".exit"):
            return False
        if name == ".help":
            typer.echo(HELP, nl=False)
        elif name == ".tables":
            views = columns_of_views(self._connection)
            typer.echo("\n".join(sorted(views)))
        elif name == ".schema" and len(rest) == 1:
            typer.echo(self._show(self._schema(rest[0])), nl=False)
        elif name == ".schema":
            raise DataError("one table is expected: .schema TABLE")
        else:
            raise DataError(f"there is no command {name}; .help lists them")
        return True

    def _schema(self, table: str) -> pa.Table:
        known = {name.lower(): name for name in columns_of_views(self._connection)}
        if table.lower() not in known:
            raise DataError(f"there is no table {table}; .tables lists them")
        return self._fetch(
            f'SELECT column_name, column_type FROM (DESCRIBE "{known[table.lower()]}")',
        )
