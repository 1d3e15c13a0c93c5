"""Which ledger a command reads: the one that is named, or that of the executor's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from executor.ledger.reader import LedgerPlace

DEFAULT = Path("config/settings.toml")
SETTINGS = typer.Option(
    None, "--settings", help=f"Settings file (TOML) of the executor; default: {DEFAULT}."
)
LEDGER = typer.Option(
    None, "--ledger", help="Ledger, instead of --settings: ledger.sqlite, or postgresql://…"
)
ACCOUNT = typer.Option(None, "--account", help="Whose ledger, where a database has several.")


def chosen_place(settings: Path | None, ledger: str | None, account: str | None) -> LedgerPlace:
    """Return the ledger that the options name, without any that of `DEFAULT`.

    Raises `SettingsError` where nothing is named and `DEFAULT` does not exist.
    """
    from cli.executor.banner import ledger_place
    from executor.ledger.reader import LedgerPlace
    from executor.settings import load_settings
    from trading.errors import SettingsError

    if ledger is not None:
        return LedgerPlace(ledger, account)
    if settings is None and not DEFAULT.is_file():
        raise SettingsError(
            f"no ledger is named and {DEFAULT} does not exist; give --settings FILE or --ledger"
            " FILE"
        )
    found = ledger_place(load_settings(settings or DEFAULT))
    return found if account is None or found.is_file else LedgerPlace(found.where, account)
