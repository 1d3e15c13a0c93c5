"""`nocturne alerts`: see that alerts arrive before one is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def alerts() -> None:
    """Send a test alert.

    Example: nocturne alerts test
    """


@app.command("test")
def send_test(
    settings: Path = typer.Option(
        Path("config/settings.toml"), "--settings", help="Settings file; `.env` lies beside it."
    ),
) -> None:
    """Send one alert through the channel of the executor, and say whether it arrived.

    The webhook's address is NOCTURNE_WEBHOOK_URL, of the environment or of the `.env` file beside
    the settings file. Status 1: the server did not take the alert.

    Example: nocturne alerts test --settings config/settings.toml
    """
    from executor.notifications.discord import send_once
    from executor.settings import WEBHOOK_VARIABLE, load_webhook
    from trading.errors import SettingsError

    webhook = load_webhook(settings)
    if webhook is None:
        raise SettingsError(
            f"no alert channel is set: put {WEBHOOK_VARIABLE}=https://... into"
            f" {settings.parent / '.env'} (mode 600); until then alerts go to the log only"
        )
    problem = asyncio.run(send_once(webhook.get_secret_value(), "Test alert", {"from": "nocturne"}))
    if problem is not None:
        typer.echo(f"not delivered: {problem}", err=True)
        raise typer.Exit(1)
    typer.echo("delivered: the server took the test alert")
