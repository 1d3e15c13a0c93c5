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
SETTINGS = typer.Option(Path("config/settings.toml"), "--settings", help="Settings file (TOML).")
JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command()
def run(
    settings: Path = SETTINGS,
    until_finished: bool = typer.Option(
        False, "--until-finished", help="End when the replayed market has ended (mode replay)."
    ),
) -> None:
    """Trade the current release until stopped; keys come from the environment or from `.env`.

    It begins with what it trades, holds and may risk, then says what happens, a line each. The file
    executor.log in the state folder has the same in detail.

    Example: nocturne executor run --settings config/settings.toml
    """
    import sys

    from cli.executor.banner import banner
    from executor.main import run as run_executor
    from executor.settings import load_keys, load_settings

    loaded = load_settings(settings)
    load_keys(settings, loaded)  # without its keys it does not begin
    typer.echo(banner(loaded))
    sys.stdout.flush()
    try:
        interrupted = run_executor(
            settings, until_finished=until_finished, screen=sys.stdout.fileno()
        )
    except KeyboardInterrupt:
        # It had not begun to work: there was nothing to stop cleanly.
        interrupted = True
    if interrupted:
        typer.echo("Stopped by Ctrl-C; protective orders stay at the exchange.", err=True)
        raise typer.Exit(INTERRUPTED)


PLAIN = {
    "pause": "Stop entries, restarts included; open positions stay protected.",
    "resume": "Lift every halt mode: entries are on again.",
    "reduce": "Reduce only: send nothing that opens a position or makes one larger.",
    "freeze": "Hands off: no entries, no exits by rules; protective orders stay where they are.",
    "flatten": "Close everything at market, later fills included, until `resume`.",
    "sync": "Compare with the exchange now: positions, orders, balance.",
    "reload": "Take over the hot settings of the file without a restart, as SIGHUP does.",
    "reset-limits": "Forget pauses, cool-downs and today's counts, after a backup of the ledger;"
    " the daily loss limit stays.",
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
def status(settings: Path = SETTINGS, as_json: bool = JSON) -> None:
    """Say what a running executor does, holds, and why nothing will trade; JSON in a pipe.

    Example: nocturne executor status --settings config/settings.toml
    """
    import sys

    from cli.executor.state import status_text

    answer = _ask(settings, "status")
    if as_json or not sys.stdout.isatty():
        typer.echo(json.dumps(answer, indent=2))
    else:
        typer.echo(status_text(answer))


@app.command()
def stop(settings: Path = SETTINGS, as_json: bool = JSON) -> None:
    """Stop cleanly: no new entries, protective orders stay at the exchange.

    Example: nocturne executor stop --settings config/settings.toml
    """
    from cli.executor.state import stopped_text, wait_for_end
    from executor.settings import load_settings

    before = _ask(settings, "status")
    answer = _command(settings, "stop") if as_json else _ask(settings, "stop")
    wait_for_end(load_settings(settings).paths.state, int(before["pid"]))
    if not as_json:
        typer.echo(stopped_text(before) if "error" not in answer else answer["error"])


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
def adopt(
    symbol: str = typer.Argument(..., help="Symbol of the foreign position, e.g. BTCUSDT."),
    stop: float = typer.Option(..., "--stop", prompt="Stop price", help="Where its stop rests."),
    settings: Path = SETTINGS,
) -> None:
    """Take a foreign position over: from now on it is ours, with this stop.

    Example: nocturne executor adopt BTCUSDT --stop 58000 --settings config/settings.toml
    """
    _command(settings, "adopt", symbol=symbol, stop=str(stop))


@app.command()
def strategy(
    name: str = typer.Argument(..., help="Name of the strategy, e.g. breakout."),
    state: str = typer.Argument(..., help="on or off."),
    settings: Path = SETTINGS,
) -> None:
    """Switch a strategy's entries on or off, restarts included; what it holds goes on.

    Example: nocturne executor strategy breakout off --settings config/settings.toml
    """
    _command(settings, "strategy", strategy=name, state=state)


@app.command("set")
def set_(
    name: str = typer.Argument(..., help="Setting that is hot, e.g. risk.daily_loss_limit."),
    value: str = typer.Argument(..., help="Its new value."),
    settings: Path = SETTINGS,
) -> None:
    """Change a setting of the running executor; it holds over restarts, until `unset`.

    Example: nocturne executor set risk.daily_loss_limit 0.03 --settings config/settings.toml
    """
    _command(settings, "set", setting=name, value=value)


@app.command()
def unset(
    name: str = typer.Argument(..., help="Setting that `set` changed, e.g. risk.max_concurrent."),
    settings: Path = SETTINGS,
) -> None:
    """Undo a `set`: the value of the settings file holds again.

    Example: nocturne executor unset risk.daily_loss_limit --settings config/settings.toml
    """
    _command(settings, "unset", setting=name)


@app.command()
def watch(settings: Path = SETTINGS) -> None:
    """Print the status once, then each event and change as a line of JSON, until Ctrl-C.

    Example: nocturne executor watch --settings config/settings.toml
    """
    from executor.operations.control_socket import watch as follow
    from executor.settings import load_settings

    try:
        for update in follow(load_settings(settings).paths.state):
            typer.echo(json.dumps(update))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def health(settings: Path = SETTINGS) -> None:
    """Print each check with its verdict; exit status 1 when one fails.

    Example: nocturne executor health --settings config/settings.toml
    """
    answer = _command(settings, "health")
    if not answer["ok"]:
        raise typer.Exit(1)


def _ask(settings: Path, name: str, **arguments: str) -> dict[str, Any]:
    from executor.operations.control_socket import call
    from executor.settings import load_settings

    # A command reaches the executor whatever was changed by command.
    return call(load_settings(settings, changed={}).paths.state, name, **arguments)


def _command(settings: Path, name: str, **arguments: str) -> dict[str, Any]:
    answer = _ask(settings, name, **arguments)
    typer.echo(json.dumps(answer, indent=2))
    if "error" in answer:
        raise typer.Exit(1)
    return answer
