"""`nocturne release`: list, show, compare and roll back releases."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.inputs.lake_choice import LAKE_HELP, lake_root

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def release() -> None:
    """List, show, compare and roll back releases.

    Example: nocturne release list
    """


@app.command("list")
def list_(lake: Path = typer.Option(None, help=LAKE_HELP)) -> None:
    """List all releases, oldest first; * is the current one.

    Example: nocturne release list --lake data_lake
    """
    from cli.tables import text_table
    from lake.partitions import iso
    from lake.releases import list_releases

    root = _published(lake)
    releases = list_releases(root)
    if not releases:
        typer.echo(f"no release is published in {root}")
        return
    rows = [
        [
            "*" if item.current else "",
            item.release_id,
            iso(item.as_of) if item.as_of else "",
            iso(item.published_at.replace(microsecond=0)) if item.published_at else "",
            str(item.strategies),
            "refused" if item.problem else ("proven" if item.proven else "unproven"),
        ]
        for item in releases
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
    from cli.release.text import describe

    typer.echo(describe(chosen))


@app.command()
def diff(
    before: str = typer.Argument(..., metavar="A", help="Id of the earlier release."),
    after: str = typer.Argument(..., metavar="B", help="Id of the later release."),
    lake: Path = typer.Option(None, help=LAKE_HELP),
) -> None:
    """Show what differs between two releases.

    Example: nocturne release diff 20250619T000000Z 20250620T000000Z
    """
    from lake.releases import diff_releases, read_release

    root = _published(lake)
    result = diff_releases(read_release(root, before), read_release(root, after))
    typer.echo(f"{result.before} → {result.after}")
    for change in result.changes or ("no difference in content",):
        typer.echo(f"  {change}")


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


def _published(lake: Path | None) -> Path:
    from trading.errors import DataError

    root = lake_root(lake)
    if not root.is_dir():
        raise DataError(f"the lake {root} does not exist; name another one with --lake")
    return root / "published"
