"""`nocturne release`: list, show, compare, roll back and prune releases."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from cli.inputs.lake_choice import LAKE_HELP, lake_root

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def release() -> None:
    """List, show, compare, roll back and prune releases.

    Example: nocturne release list
    """


@app.command("list")
def list_(
    lake: Path = typer.Option(None, help=LAKE_HELP),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List all releases, oldest first; * is the current one.

    Example: nocturne release list --lake data_lake
    """
    from cli.tables import text_table
    from lake.partitions import iso
    from lake.releases import list_releases

    root = _published(lake)
    releases = list_releases(root)
    if not releases and not as_json:
        typer.echo(f"no release is published in {root}; `nocturne flow nightly` makes one")
        return
    found = [
        {
            "release": item.release_id,
            "current": item.current,
            "as_of": iso(item.as_of) if item.as_of else None,
            "published": iso(item.published_at.replace(microsecond=0))
            if item.published_at
            else None,
            "strategies": item.strategies,
            "state": "refused" if item.problem else ("proven" if item.proven else "unproven"),
            "problem": item.problem or None,
        }
        for item in releases
    ]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    shown = ("release", "as_of", "published", "strategies", "state")
    rows = [
        ["*" if row["current"] else "", *("" if row[n] is None else str(row[n]) for n in shown)]
        for row in found
    ]
    header = ["", "release", "as of", "published", "strategies", "state"]
    typer.echo(text_table(header, rows, left=(0, 1, 2, 3, 5)))
    for problem in dict.fromkeys(item.problem for item in releases if item.problem):
        typer.echo(f"refused: {problem}")


@app.command()
def show(
    release_id: str = typer.Argument(
        None, metavar="[ID]", help="Id, or its beginning; default: current."
    ),
    lake: Path = typer.Option(None, help=LAKE_HELP),
    json_output: bool = typer.Option(False, "--json", help="Print the manifest itself."),
) -> None:
    """Show one release: strategies, verdicts, validity, files and the data it was made from.

    Example: nocturne release show 20250620T000000Z
    """
    from lake.releases import current_release, read_release

    root = _published(lake)
    chosen = read_release(root, release_id) if release_id else current_release(root)
    if json_output:
        typer.echo((chosen.folder / "manifest.json").read_text(encoding="utf-8"), nl=False)
        return
    from cli.release.text import INDENT, describe
    from cli.tables import hanging

    typer.echo(hanging(describe(chosen), INDENT))


@app.command()
def diff(
    before: str = typer.Argument(..., metavar="A", help="Id of the earlier release."),
    after: str = typer.Argument(..., metavar="B", help="Id of the later release."),
    lake: Path = typer.Option(None, help=LAKE_HELP),
    files: bool = typer.Option(False, "--files", help="Also files and partitions, with hashes."),
    everything: bool = typer.Option(False, "--all", help="Also the rows that are equal."),
) -> None:
    """Show parameters, metrics and gates of two releases side by side, where they differ.

    Example: nocturne release diff 20250619T000000Z 20250620T000000Z
    """
    from cli.release.comparison import side_by_side
    from lake.releases import diff_releases, read_release

    root = _published(lake)
    old, new = read_release(root, before), read_release(root, after)
    typer.echo(side_by_side(old, new, everything=everything))
    changes = diff_releases(old, new).changes
    for change in (c for c in changes if c.startswith(("left out ", "valid until "))):
        typer.echo(change)
    hashed = [change for change in changes if change.startswith(("file ", "partition "))]
    if files:
        for change in hashed:
            typer.echo(change)
    elif hashed:
        typer.echo(f"{len(hashed)} files and partitions differ; --files lists them")


@app.command()
def rollback(
    release_id: str = typer.Argument(..., metavar="ID", help="Id of the release to go back to."),
    lake: Path = typer.Option(None, help=LAKE_HELP),
) -> None:
    """Make an earlier release current; the one it replaces is not promoted again automatically.

    Example: nocturne release rollback 20250619T000000Z
    """
    from lake.releases import rollback as roll_back

    result = roll_back(_published(lake), release_id)
    typer.echo(f"current is {result.release_id}: {result.reason}")


@app.command()
def prune(
    days: int = typer.Option(None, min=1, help="Keep what was published in these days."),
    last: int = typer.Option(None, min=1, help="Keep at least so many, the newest."),
    ledger: Path = typer.Option(None, help="The executor's ledger; default: of the settings."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be removed."),
    lake: Path = typer.Option(None, help=LAKE_HELP),
) -> None:
    """Remove old releases, and the files that no release uses any more.

    The current release stays, and so do those that were rolled back from and those that an order or
    a position of the ledger names. Defaults are the settings `retention.days` and `retention.last`.

    Example: nocturne release prune --dry-run
    """
    from datetime import UTC, datetime

    from flows.settings import load_settings
    from flows.steps.release.retention import prune_releases
    from lake.ledger_database import LedgerSource
    from lake.store import Lake

    settings = load_settings()
    found = prune_releases(
        Lake(_published(lake).parent),
        LedgerSource(str(ledger)) if ledger else settings.ledger_source,
        now=datetime.now(UTC),
        keep_days=days or settings.retention.days,
        keep_last=last or settings.retention.last,
        dry_run=dry_run,
    )
    for name in found.removed:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {name}")
    for name, reason in found.kept.items():
        typer.echo(f"keeps {name}: {reason}")
    typer.echo(f"{'would remove' if dry_run else 'removed'} {found.sentence}")


def _published(lake: Path | None) -> Path:
    from trading.errors import DataError

    root = lake_root(lake)
    if not root.is_dir():
        raise DataError(f"the lake {root} does not exist; name another one with --lake")
    return root / "published"
