"""`nocturne why`: from an order back to the data it came from, with every hash checked."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.ledger.place import ACCOUNT, LEDGER, SETTINGS, chosen_place

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def why(
    order: str = typer.Argument(
        ..., help="Client order id, the beginning of one, or the exchange's order id."
    ),
    settings: Path = SETTINGS,
    ledger: str = LEDGER,
    account: str = ACCOUNT,
    lake: Path | None = typer.Option(
        None, help="Lake root; the partitions' hashes are checked against it."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Explain an order: fills, position, signal, candle, release, flow run, data partitions.

    The order is one of the ledger of config/settings.toml, unless --settings or --ledger names
    another. Exits with status 1 if something does not verify.

    Example: nocturne why n1-2rvksbkb-wxv7mld2b7k5qlqm-en-00

    Example: nocturne why n1-2rvksbkb-wxv7mld2b7k5qlqm-en-00 --ledger state/ledger.sqlite
    """
    import json

    from cli.why.report import explain, to_text
    from lake.files import local_path

    place = chosen_place(settings, ledger, account)
    report = explain(order, place, None if lake is None else local_path(lake))
    if as_json:
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False, default=str))
    else:
        typer.echo(to_text(report))
    failed = [check["text"] for check in report["checks"] if check["passed"] is False]
    if failed:
        typer.echo(f"error: not verified: {failed[0]}", err=True)
        raise typer.Exit(1)
