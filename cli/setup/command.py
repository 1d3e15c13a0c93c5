"""`nocturne init`: settings whose paths meet, in a folder of the user's own."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def init(
    folder: Path = typer.Argument(Path(), help="The folder; it is made if it is missing."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Write settings for the night and the executor into a folder of your own.

    Both work on the same lake and the same ledger, whatever the folder's name. Files that exist are
    kept as they are. Commands find the settings when they are called in the folder.

    Example: nocturne init my-trading
    """
    import dataclasses
    import json

    from cli.setup.folder import write_folder

    items = write_folder(folder)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(item) for item in items], default=str, indent=2))
        return
    for item in items:
        typer.echo(f"{'wrote' if item.written else 'kept '}  {item.path}  {item.purpose}")
    away = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    typer.echo(
        "\nnext, in this folder:\n"
        f"  {away}nocturne strategies new my_strategy\n"
        "  nocturne import folder DIR         your own candle files, or: nocturne download\n"
        "  nocturne flow nightly              search, train, release, report\n"
        "  nocturne paper start --symbols BTCUSDT\n"
        "  nocturne executor run --settings config/settings.toml"
    )
