"""`nocturne executor`: run, stop and inspect the executor."""

from __future__ import annotations

import json
from pathlib import Path

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The always-on executor.\n\n"
    "Example: nocturne executor run --settings config/settings.toml",
)

SETTINGS = typer.Option(..., "--settings", help="Settings file (TOML).")


@app.command()
def run(
    settings: Path = SETTINGS,
    until_finished: bool = typer.Option(
        False, "--until-finished", help="End when the replayed market has ended (mode replay)."
    ),
) -> None:
    """Trade the current release until stopped; keys come from the environment or from `.env`.

    Example: nocturne executor run --settings config/settings.toml
    """
    from executor.main import run as run_executor

    run_executor(settings, until_finished=until_finished)


@app.command()
def status(settings: Path = SETTINGS) -> None:
    """Print the state of a running executor as JSON.

    Example: nocturne executor status --settings config/settings.toml
    """
    _command(settings, "status")


@app.command()
def stop(settings: Path = SETTINGS) -> None:
    """Stop cleanly: no new entries, protective orders stay at the exchange.

    Example: nocturne executor stop --settings config/settings.toml
    """
    _command(settings, "stop")


@app.command()
def pause(settings: Path = SETTINGS) -> None:
    """Switch entries off; open positions stay guarded.

    Example: nocturne executor pause --settings config/settings.toml
    """
    _command(settings, "pause")


@app.command()
def resume(settings: Path = SETTINGS) -> None:
    """Switch entries on again.

    Example: nocturne executor resume --settings config/settings.toml
    """
    _command(settings, "resume")


@app.command()
def flatten(settings: Path = SETTINGS) -> None:
    """Switch entries off and close everything at market.

    Example: nocturne executor flatten --settings config/settings.toml
    """
    _command(settings, "flatten")


def _command(settings: Path, name: str) -> None:
    from executor.control import call
    from executor.settings import load_settings

    answer = call(load_settings(settings).paths.state, name)
    typer.echo(json.dumps(answer, indent=2))
    if "error" in answer:
        raise typer.Exit(1)
