"""`nocturne flow`: run one research flow in this process."""

from __future__ import annotations

from pathlib import Path

import typer

from flows.hosting.declared import declared_flows

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def flow(
    name: str = typer.Argument(help=f"One of: {', '.join(declared_flows())}."),
    as_of: str = typer.Option(
        None,
        help="Read nothing at or after this time, e.g. 2025-06-20T00:00Z; default: now, or"
        " the end of the candles in the lake or the bundled sample if they end long ago.",
    ),
    lake: Path = typer.Option(None, help="Root of the lake; default: the setting, else data_lake."),
    sample: Path = typer.Option(None, help="Folder with archives and candles to import."),
    symbols: str = typer.Option(
        None, help="Symbols, separated by commas; default: the setting, else those downloaded."
    ),
    settings: Path = typer.Option(
        None, help="Settings file, e.g. config/presets/demo.toml; default: config/research.toml."
    ),
    server: str = typer.Option(
        "auto",
        help="auto (the one of `make up` if it runs, else none), private (one for this run),"
        " none (no Prefect), or the URL of a Prefect API.",
    ),
) -> None:
    """Run one research flow in this process.

    A flow may be stopped at any moment and run again; it does not repeat finished work.

    Example: nocturne flow nightly --as-of 2025-06-19T00:00Z --lake .work/lake --symbols BTCUSDT
    """
    from flows.engine.request import FlowArguments
    from flows.hosting.launch import launch

    launch(
        name,
        FlowArguments(
            as_of=as_of,
            lake=lake.resolve() if lake else None,
            sample=sample.resolve() if sample else None,
            symbols=tuple(symbols.split(",")) if symbols is not None else None,
        ),
        server=server,
        settings=settings,
    )
