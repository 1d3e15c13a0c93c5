"""`nocturne executor positions`, `trades` and `profit`."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.ledger.place import ACCOUNT, LEDGER, SETTINGS, chosen_place

if TYPE_CHECKING:
    from cli.ledger.positions import Record

_JSON = typer.Option(False, "--json", help="Print JSON.")


def add_to(app: typer.Typer) -> None:
    """Add the three commands to the application of the executor."""
    app.command("positions")(positions)
    app.command("trades")(trades)
    app.command("profit")(profit)


def positions(
    settings: Path = SETTINGS,
    ledger: str = LEDGER,
    account: str = ACCOUNT,
    as_json: bool = _JSON,
) -> None:
    """List the open positions with their stops, from the ledger: running or stopped.

    Example: nocturne executor positions --settings config/settings.toml
    """
    from cli.ledger.positions import open_positions

    shown = "id symbol side quantity entry_price stop_price target_price strategy opened_at"
    rows = open_positions(chosen_place(settings, ledger, account))
    _print(rows, shown.split(), as_json, "no open position")


def trades(
    settings: Path = SETTINGS,
    ledger: str = LEDGER,
    account: str = ACCOUNT,
    count: int = typer.Option(20, "--count", min=1, max=10_000, help="How many, the newest first."),
    as_json: bool = _JSON,
) -> None:
    """List the closed positions, the newest first, with their net result after fees.

    Example: nocturne executor trades --settings config/settings.toml --count 10
    """
    from cli.ledger.positions import closed_trades

    shown = "id symbol side entry_price exit_price exit_reason net strategy closed_at"
    rows = closed_trades(chosen_place(settings, ledger, account), count)
    _print(rows, shown.split(), as_json, "no trade yet")


def profit(
    settings: Path = SETTINGS,
    ledger: str = LEDGER,
    account: str = ACCOUNT,
    as_json: bool = _JSON,
) -> None:
    """Sum up trades and net profit of today, 7 days, 30 days and all time.

    Example: nocturne executor profit --settings config/settings.toml
    """
    from cli.ledger.positions import profit as profit_of

    shown = ["span", "trades", "won", "net", "fees"]
    _print(profit_of(chosen_place(settings, ledger, account)), shown, as_json, "no trade yet")


def _print(rows: list[Record], shown: list[str], as_json: bool, none: str) -> None:
    from cli.tables import text_table

    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif not rows:
        typer.echo(none)
    else:
        header = [name.replace("_", " ") for name in shown]
        cells = [[_cell(name, row[name]) for name in shown] for row in rows]
        left = {
            shown.index(name) for name in ("symbol", "side", "strategy", "span") if name in shown
        }
        typer.echo(text_table(header, cells, left=left))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in {"net", "fees"}:
        return f"{Decimal(value):,.2f}"
    if name.endswith("_at"):
        return str(value).replace("T", " ").removesuffix("+00:00")
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e-4 else str(value)
