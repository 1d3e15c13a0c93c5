"""`nocturne paper`: start and stop the market that mode `paper` trades."""

from __future__ import annotations

import json
from pathlib import Path

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The paper market: the live market, with money that is not real.\n\n"
    "Example: nocturne paper start --symbols BTCUSDT,ETHUSDT",
)
FOLDER = typer.Option(Path("state/paper"), help="Folder of the market's state, ledger and log.")


@app.command()
def start(
    symbols: str = typer.Option(..., help="Symbols to follow, separated by commas."),
    venue: str = typer.Option("usdm", help="usdm, spot or both."),
    port: int = typer.Option(
        8900, envvar="NOCTURNE_PAPER_PORT", help="Port on 127.0.0.1; 0 takes a free one."
    ),
    upstream: str = typer.Option(
        "",
        envvar="NOCTURNE_PAPER_UPSTREAM",
        help="Base URL of the exchange to follow; else Binance.",
    ),
    balance: list[str] = typer.Option(["USDT=10000"], help="First deposit, ASSET=AMOUNT."),
    folder: Path = FOLDER,
) -> None:
    """Start the market in the background; what was traded before continues.

    Example: nocturne paper start --symbols BTCUSDT,ETHUSDT
    """
    from sandbox.server.paper import PaperMarket

    options = ["--symbols", symbols, "--venue", venue, "--port", str(port)]
    options += [text for row in balance for text in ("--balance", row)]
    options += ["--upstream", upstream] if upstream else []
    url = PaperMarket(folder).start(options)
    typer.echo(f"The paper market runs at {url}; key and secret are both `sandbox`.")
    typer.echo('Executor: mode = "paper", and in [venues.binance_usdm]:')
    typer.echo(f'  rest_url = "{url}"')
    typer.echo(f'  ws_url = "{url.replace("http", "ws", 1)}"')


@app.command()
def stop(folder: Path = FOLDER) -> None:
    """Stop the market; its positions, orders and balances stay in the folder.

    Example: nocturne paper stop
    """
    from sandbox.server.paper import PaperMarket

    typer.echo(f"The paper market at {PaperMarket(folder).stop()} has stopped.")


@app.command()
def status(folder: Path = FOLDER) -> None:
    """Print the state of the market as JSON.

    Example: nocturne paper status
    """
    from sandbox.server.paper import PaperMarket, fetch
    from trading.errors import SettingsError

    found = PaperMarket(folder).running()
    if found is None:
        raise SettingsError(f"{folder}: no paper market runs there; start one")
    typer.echo(json.dumps(fetch(found[1]), indent=2))
