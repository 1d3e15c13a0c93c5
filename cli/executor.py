"""`nocturne executor`: run, stop and inspect the executor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from cli.ledger.commands import add_to as add_ledger_commands

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The always-on executor.\n\n"
    "Example: nocturne executor run --settings config/settings.toml",
)

INTERRUPTED = 130
"""Exit status after SIGINT, as in shells."""
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

    try:
        interrupted = run_executor(settings, until_finished=until_finished)
    except KeyboardInterrupt:
        # It had not begun to work: there was nothing to stop cleanly.
        interrupted = True
    if interrupted:
        typer.echo("Stopped by Ctrl-C; protective orders stay at the exchange.", err=True)
        raise typer.Exit(INTERRUPTED)


PLAIN = {
    "status": "Print the state of a running executor as JSON.",
    "stop": "Stop cleanly: no new entries, protective orders stay at the exchange.",
    "pause": "Stop entries, restarts included; open positions stay protected.",
    "resume": "Lift every halt mode: entries are on again.",
    "reduce": "Reduce only: send nothing that opens a position or makes one larger.",
    "freeze": "Hands off: no entries, no exits by rules; protective orders stay where they are.",
    "flatten": "Close everything at market, later fills included, until `resume`.",
    "sync": "Compare with the exchange now: positions, orders, balance.",
    "reload": "Take over the risk limits of the settings file without a restart, as SIGHUP does.",
}
"""Commands of the control socket without arguments of their own."""


def _plain(name: str) -> Callable[[Path], None]:
    def command(settings: Path = SETTINGS) -> None:
        _command(settings, name)

    return command


for _name, _text in PLAIN.items():
    _example = f"Example: nocturne executor {_name} --settings config/settings.toml"
    app.command(_name, help=f"{_text}\n\n{_example}")(_plain(_name))


add_ledger_commands(app)


@app.command()
def close(
    symbol: str = typer.Argument(..., help="Symbol of the position, e.g. BTCUSDT."),
    settings: Path = SETTINGS,
) -> None:
    """Close one position at market; entries go on.

    Example: nocturne executor close BTCUSDT --settings config/settings.toml
    """
    _command(settings, "close", symbol=symbol)


@app.command()
def health(settings: Path = SETTINGS) -> None:
    """Print each check with its verdict; exit status 1 when one fails.

    Example: nocturne executor health --settings config/settings.toml
    """
    answer = _command(settings, "health")
    if not answer["ok"]:
        raise typer.Exit(1)


def _command(settings: Path, name: str, **arguments: str) -> dict[str, Any]:
    from executor.operations.control_socket import call
    from executor.settings import load_settings

    answer = call(load_settings(settings).paths.state, name, **arguments)
    typer.echo(json.dumps(answer, indent=2))
    if "error" in answer:
        raise typer.Exit(1)
    return answer
