"""`nocturne mcp`: serve the tools to an assistant over standard input and output."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.inputs.lake_choice import LAKE_HELP

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def mcp(
    lake: Path = typer.Option(None, help=LAKE_HELP),
    ledger: Path = typer.Option(
        None, help="The executor's ledger.sqlite; without it nothing of the executor is shown."
    ),
) -> None:
    """Let an assistant read: tables and SQL, releases and gates, trades, back-tests.

    It speaks the Model Context Protocol over standard input and output. No tool trades, changes a
    setting or a file, or reads anything outside of the lake and the ledger.

    Example: nocturne mcp --lake data_lake --ledger state/ledger.sqlite
    """
    from cli.inputs.lake_choice import lake_root
    from trading.errors import SettingsError

    try:
        from cli.assistant.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise SettingsError(
            "nocturne mcp needs the extra `assistant`: pip install 'nocturne[assistant]'"
        ) from error
    make_server(lake_root(lake), ledger).run("stdio")
