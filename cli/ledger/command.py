"""`nocturne ledger`: back up, check and restore the executor's ledger."""

from __future__ import annotations

from pathlib import Path

import typer

from trading.errors import DataError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Back up, check and restore the executor's ledger.\n\n"
    "Example: nocturne ledger backup --settings config/settings.toml",
)
SETTINGS = typer.Option(
    Path("config/settings.toml"), "--settings", help="Settings file of the executor (TOML)."
)


def _state(settings: Path) -> Path:
    from executor.settings import load_settings

    found = load_settings(settings)
    if found.ledger.url is not None:
        raise DataError("the ledger is in PostgreSQL; back it up with pg_dump, as its server")
    return found.paths.state


@app.command()
def backup(
    settings: Path = SETTINGS,
    to: Path = typer.Option(None, "--to", help="Folder of the copies; default: state/backups."),
    keep: int = typer.Option(14, "--keep", min=1, help="How many copies to keep, the newest."),
) -> None:
    """Copy the ledger, of a running executor too, check the copy, and drop the oldest ones.

    Example: nocturne ledger backup --settings config/settings.toml --to /backup --keep 30
    """
    from cli.ledger.backup import NAME
    from cli.ledger.backup import backup as back_up

    state = _state(settings)
    typer.echo(f"copied and checked: {back_up(state / NAME, to or state / 'backups', keep)}")


@app.command()
def verify(
    settings: Path = SETTINGS,
    file: Path = typer.Option(None, "--file", help="A copy, instead of the ledger itself."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Check every page and reference of the ledger, and count its rows.

    Example: nocturne ledger verify --settings config/settings.toml
    """
    import json

    from cli.ledger.backup import NAME
    from cli.ledger.backup import verify as check

    path = file or _state(settings) / NAME
    rows = check(path)
    if as_json:
        typer.echo(json.dumps({"file": str(path), "ok": True, "rows": rows}, indent=2))
    else:
        counts = ", ".join(f"{count} {table}" for table, count in rows.items())
        typer.echo(f"{path} is whole: {counts}")


@app.command()
def restore(
    copy: Path = typer.Argument(..., help="A copy that `nocturne ledger backup` made."),
    settings: Path = SETTINGS,
) -> None:
    """Put a copy in the place of the ledger; the executor must be stopped, the old one is kept.

    At its next start the executor asks the exchange for what the copy does not know.

    Example: nocturne ledger restore state/backups/ledger-20260101T000000000000Z.sqlite
    """
    from cli.ledger.backup import restore as put_back

    kept = put_back(copy, _state(settings))
    typer.echo(f"restored from {copy}" + (f"; the old ledger is {kept}" if kept else ""))
