"""`nocturne doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cli.doctor.check_line import CheckLine

app = typer.Typer(add_completion=False, rich_markup_mode=None)
MARKS = {"ok": "✓", "warning": "!", "wrong": "✗"}


@app.command()
def doctor(
    settings: Path = typer.Option(
        Path("config/settings.toml"), "--settings", help="Settings file of the executor (TOML)."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Check versions, settings, keys, clock, disk, ledger, release and what else must hold.

    Nothing is changed and no secret is printed. Status 1: something is wrong.

    Example: nocturne doctor --settings config/settings.toml
    """
    import dataclasses
    import json

    from cli.doctor.checks import run_checks

    lines = shown(run_checks(settings), quiet=as_json)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(line) for line in lines], indent=2))
    if any(line.verdict == "wrong" for line in lines):
        raise typer.Exit(1)


def shown(lines: Iterable[CheckLine], *, quiet: bool) -> list[CheckLine]:
    """Print each line with its remedy as it comes, unless ``quiet``; return all of them."""
    found = []
    for line in lines:
        found.append(line)
        if not quiet:
            typer.echo(f"{MARKS[line.verdict]} {line.name}: {line.found}")
            if line.remedy:
                typer.echo(f"    → {line.remedy}")
    return found
