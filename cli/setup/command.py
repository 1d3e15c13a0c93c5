"""`nocturne init`: settings whose paths meet, in a folder of the user's own."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def init(
    folder: Path = typer.Argument(Path(), help="The folder; it is made if it is missing."),
    venue: str = typer.Option(None, help="binance_usdm (perpetuals) or binance_spot."),
    symbols: str = typer.Option(None, help="Symbols of the night, separated by commas."),
    mode: str = typer.Option(None, help="paper (the live market, no real money) or testnet."),
    language: str = typer.Option(None, help="Of reports and alerts: en or ko."),
    timezone: str = typer.Option(None, help="Of reports and alerts, e.g. Asia/Seoul."),
    defaults: bool = typer.Option(False, "--defaults", help="Ask nothing at a terminal."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Write settings for the night and the executor into a folder of your own.

    Both work on the same lake and the same ledger, whatever the folder's name. At a terminal it
    asks what no option says; Enter takes the default. Files that exist are kept as they are, and
    both halves are checked at the end. Commands find the settings when they are called in the
    folder. Nothing trades real money: `nocturne golive` leads there.

    Example: nocturne init my-trading

    Example: nocturne init my-trading --symbols BTCUSDT,SOLUSDT --language ko --timezone Asia/Seoul
    """
    import dataclasses
    import json
    import sys

    from cli.setup.choices import Choices, symbols_of
    from cli.setup.folder import check_folder, write_folder

    given: dict[str, str | None] = {
        "venue": venue,
        "symbols": symbols,
        "mode": mode,
        "language": language,
        "timezone": timezone,
    }
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if at_terminal and not defaults and not as_json and not any(given.values()):
        given = _ask()
    said = {name: text.strip() for name, text in given.items() if text is not None}
    names = symbols_of(said.pop("symbols", ""))
    items = write_folder(folder, Choices(symbols=names, **said))
    check_folder(folder)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(item) for item in items], default=str, indent=2))
        return
    for item in items:
        typer.echo(f"{'wrote' if item.written else 'kept '}  {item.path}  {item.purpose}")
    away = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    typer.echo(
        "\nBoth files of settings are valid. Next, in this folder:\n"
        f"  {away}nocturne strategies new my_strategy\n"
        "  nocturne import folder DIR         your own candle files, or: nocturne download\n"
        "  nocturne flow nightly              search, train, release, report\n"
        "  nocturne paper start --symbols BTCUSDT\n"
        "  nocturne executor run --settings config/settings.toml"
    )


def _ask() -> dict[str, str | None]:
    """Ask for each choice; Enter takes the default."""
    from cli.setup.choices import LANGUAGES, MODES, VENUES

    def ask(text: str, default: str) -> str:
        return str(typer.prompt(text, default=default))

    return {
        "venue": ask(f"Venue ({', '.join(VENUES)})", VENUES[0]),
        "symbols": ask("Symbols of the night, separated by commas", "BTCUSDT,ETHUSDT"),
        "mode": ask(f"Mode of the executor ({', '.join(MODES)})", MODES[0]),
        "language": ask(f"Language of reports and alerts ({', '.join(LANGUAGES)})", LANGUAGES[0]),
        "timezone": ask("Time zone of reports and alerts, e.g. Asia/Seoul", "UTC"),
    }
