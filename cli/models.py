"""`nocturne models`: train the models of some symbols, or search their recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from cli.inputs.lake_choice import AS_OF_HELP, LAKE_HELP

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def models(
    symbols: str = typer.Argument(help="Symbols, separated by commas, e.g. BTCUSDT,ETHUSDT."),
    as_of: str = typer.Option(..., help=AS_OF_HELP),
    lake: Path = typer.Option(None, help=LAKE_HELP),
    search_minutes: float = typer.Option(
        0.0, help="Minutes to search the family, parameters and features of all models; 0: do not."
    ),
    pool: bool = typer.Option(False, "--pool", help="One model of each target for all symbols."),
    settings: Path = typer.Option(
        None, help="Settings file of the flows; default: config/research.toml."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the models' cards as JSON."),
) -> None:
    """Train the models of the next hour and show what they are worth out-of-sample.

    Reads features that a flow has built (`nocturne flow features` or `nightly`); writes the table
    `models` and the model files. Progress goes to the error stream. Ctrl-C loses the symbol at
    hand alone.

    Example: nocturne models BTCUSDT --as-of 2025-06-20T00:00Z --search-minutes 5
    """
    import json
    import os
    from dataclasses import replace

    from cli.inputs.lake_choice import lake_root, moment
    from flows.settings import FILE_VARIABLE, load_settings
    from flows.steps.models.results import describe
    from flows.steps.models.settings import search_share, train_settings
    from flows.steps.models.train import train, train_pool
    from lake.store import Lake
    from trading.errors import ParameterError

    if search_minutes < 0.0:
        raise ParameterError(f"--search-minutes {search_minutes:g} is below 0; give 0 or more")
    if settings is not None:
        os.environ[FILE_VARIABLE] = str(settings.resolve())
    research = load_settings()
    names = [name.strip() for name in symbols.split(",") if name.strip()]
    count = 1 if pool else len(names)
    chosen = train_settings(research, count)
    minutes = search_minutes or research.training.search_minutes
    chosen = replace(chosen, search_seconds=search_share(minutes, count))
    run: Any = train_pool if pool else train
    found = run(
        Lake(lake_root(lake)),
        as_of=moment(as_of),
        symbols=names,
        venue=research.venue,
        settings=chosen,
        progress=lambda line: typer.echo(line, err=True),
    )
    if as_json:
        typer.echo(json.dumps([model.card() for model in found.models], indent=2))
    else:
        for model in found.models:
            typer.echo(describe(model))
    for symbol, why in found.left_out.items():
        typer.echo(f"{symbol} left out: {why}", err=True)
    if not found.models:
        raise typer.Exit(1)
