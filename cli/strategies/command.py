"""`nocturne strategies`: the strategies and their parameters."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from trading.strategies.parameters import Parameter

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List strategies and their parameters.\n\nExample: nocturne strategies show breakout",
)


@app.command("list")
def list_strategies(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Print the name and the summary of every strategy, then of the maker and the ensemble.

    Example: nocturne strategies list
    """
    from cli.backtesting import ensemble, maker
    from cli.tables import hanging
    from trading.strategies.registry import strategy_names

    summaries = {name: _summary(name) for name in strategy_names()}
    summaries |= {part.NAME: part.SUMMARY for part in (maker, ensemble)}
    if as_json:
        rows = [{"name": name, "summary": summary} for name, summary in summaries.items()]
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max(len(name) for name in summaries)
    lines = [f"{name:<{width}}  {summary}" for name, summary in summaries.items()]
    typer.echo(hanging("\n".join(lines), width + 2))


@app.command("show")
def show_strategy(
    name: str = typer.Argument(..., help="Name, as `strategies list` prints it, or module:Class."),
) -> None:
    """Print a strategy's parameters: type, default, bounds and meaning.

    Example: nocturne strategies show breakout
    """
    from cli.backtesting import ensemble, maker

    for part in (maker, ensemble):
        if name == part.NAME:
            typer.echo(part.show())
            return
    from cli.inputs.strategy_choice import find_strategy
    from cli.tables import text_table

    strategy = find_strategy(name)
    typer.echo(f"{strategy.name}: {strategy.summary}\n")
    rows = [(p.name, p.kind, str(p.default), _bounds(p), p.help) for p in strategy.parameters]
    header = ("parameter", "type", "default", "bounds", "meaning")
    typer.echo(text_table(header, rows, left=(0, 1, 3, 4)))


@app.command("new")
def new_strategy(
    name: str = typer.Argument(..., help="Name of the strategy: lower-case letters, digits, _."),
    folder: Path = typer.Option(
        None, help="Folder of your strategies; default: $NOCTURNE_STRATEGIES, or strategies."
    ),
) -> None:
    """Write a working strategy with its test into your folder, ready to edit.

    Every command then takes it by its name.

    Example: nocturne strategies new my_breakout
    """
    from cli.strategies.scaffold import write_strategy
    from trading.strategies import own

    target = folder or own.folder()
    file, test = (_shown(path) for path in write_strategy(name, target))
    typer.echo(
        f"{file}  the strategy: edit it\n"
        f"{test}  its test: python -m unittest {test}\n\n"
        f"next: nocturne backtest --strategy {name} --candles FILE\n"
        f"      nocturne probe lookahead --strategy {name} --candles FILE"
    )
    if target.absolute() != own.folder():
        typer.echo(
            f"note: set {own.VARIABLE}={target.absolute()} so that commands find it", err=True
        )


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _summary(name: str) -> str:
    """Return the summary of a strategy, or why a file of the user's cannot be loaded."""
    from trading.errors import NocturneError
    from trading.strategies.registry import get_strategy

    try:
        return get_strategy(name).summary
    except NocturneError as error:
        return f"cannot be used: {error}"


def _bounds(parameter: Parameter) -> str:
    """Return the bounds of a number, or the allowed words."""
    if parameter.choices:
        return " | ".join(parameter.choices)
    if parameter.kind == "interval":
        return "e.g. 15m, 1h, 4h"
    if math.isinf(parameter.low) and math.isinf(parameter.high):
        return "any"
    if math.isinf(parameter.high):
        return f"{parameter.low:g} or more"
    if math.isinf(parameter.low):
        return f"{parameter.high:g} or less"
    return f"{parameter.low:g} to {parameter.high:g}"
