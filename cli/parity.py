"""`nocturne parity`: a day of live trading beside its replay by the research code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEAD = ("candle", "strategy", "symbol", "what", "verdict", "live", "replay", "gap", "reason")


@app.command()
def parity(
    day: str = typer.Option(None, help="UTC day, e.g. 2025-06-19; default: yesterday."),
    ledger: Path = typer.Option(
        None, help="The executor's ledger.sqlite; default: the setting `ledger`."
    ),
    lake: Path = typer.Option(None, help="Root of the lake; default: the setting, else data_lake."),
    settings: Path = typer.Option(
        None, help="Settings file of the flows; default: config/research.toml."
    ),
    show_all: bool = typer.Option(False, "--all", help="Show equal decisions and trades too."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Decide again on the candles that the executor received, and compare what came of it.

    Copies the ledger into the lake, compares decision by decision and trade by trade, and writes
    the table `parity`. A difference demotes its strategy, and exits with status 1.

    Example: nocturne parity --day 2025-06-19 --ledger state/ledger.sqlite
    """
    import json
    import os

    from flows.engine.request import FlowArguments
    from flows.hosting.launch import launch
    from trading.errors import DataError

    if ledger is not None:
        if not ledger.is_file():
            raise DataError(f"the ledger {ledger} does not exist; start the executor first")
        os.environ["NOCTURNE_RESEARCH_LEDGER"] = str(ledger.resolve())
        os.environ["NOCTURNE_RESEARCH_LEDGER_URL"] = ""
    arguments = FlowArguments(
        as_of=_end_of(day) if day else None, lake=lake.resolve() if lake else None
    )
    lines: list[str] = []
    done = launch("parity", arguments, server="none", settings=settings, say=lines.append)
    found = done.results.get("parity")
    if found is None:
        raise DataError(f"{done.message}; start the executor, or give --ledger FILE")
    if as_json:
        typer.echo(json.dumps([dict(row) for row in found.rows], indent=2, default=str))
    else:
        shown = [row for row in found.rows if show_all or row["verdict"] != "equal"]
        if shown:
            typer.echo(_table(shown) + "\n")
        typer.echo(found.sentence)
    if found.differences:
        raise typer.Exit(1)


def _end_of(day: str) -> Any:
    from datetime import UTC, datetime, timedelta

    from trading.errors import ParameterError

    try:
        begin = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ParameterError(f"'{day}' is not a day; write for example 2025-06-19") from error
    return begin + timedelta(days=1)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    from cli.tables import text_table

    body = [
        (
            f"{row['bar_time']:%H:%M}",
            row["strategy"],
            row["symbol"],
            row["what"],
            row["verdict"],
            row["live"],
            row["replayed"],
            "" if row.get("gap") is None else f"{row['gap'] * 10_000:+.1f} bp",
            row["reason"],
        )
        for row in rows
    ]
    return text_table(HEAD, body, left={0, 1, 2, 3, 4, 5, 6, 8})
