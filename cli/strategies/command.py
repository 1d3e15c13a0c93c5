"""`nocturne strategies`: the strategies and their parameters."""

from __future__ import annotations

import math
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
def list_strategies() -> None:
    """Print the name and the summary of every strategy, then of the maker and the ensemble.

    Example: nocturne strategies list
    """
    from cli.backtesting import ensemble, maker
    from trading.strategies.registry import get_strategy, strategy_names

    summaries = {name: get_strategy(name).summary for name in strategy_names()}
    summaries |= {part.NAME: part.SUMMARY for part in (maker, ensemble)}
    width = max(len(name) for name in summaries)
    for name, summary in summaries.items():
        typer.echo(f"{name:<{width}}  {summary}")


@app.command("show")
def show_strategy(
    name: str = typer.Argument(..., help="Name of the strategy, as `strategies list` prints it."),
) -> None:
    """Print a strategy's parameters: type, default, bounds and meaning.

    Example: nocturne strategies show breakout
    """
    from cli.backtesting import ensemble, maker

    for part in (maker, ensemble):
        if name == part.NAME:
            typer.echo(part.show())
            return
    from cli.tables import text_table
    from trading.strategies.registry import get_strategy

    strategy = get_strategy(name)
    typer.echo(f"{strategy.name}: {strategy.summary}\n")
    rows = [(p.name, p.kind, str(p.default), _bounds(p), p.help) for p in strategy.parameters]
    header = ("parameter", "type", "default", "bounds", "meaning")
    typer.echo(text_table(header, rows, left=(0, 1, 3, 4)))


def _bounds(parameter: Parameter) -> str:
    """Return the bounds of a number, or the allowed words."""
    if parameter.choices:
        return " | ".join(parameter.choices)
    if parameter.kind == "interval":
        return "e.g. 15m, 1h, 4h"
    if math.isinf(parameter.low) and math.isinf(parameter.high):
        return "any"
    return f"{parameter.low:g} to {parameter.high:g}"
