"""`nocturne alerts`: see that alerts arrive before one is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from executor.notifications.channels import Channel, Receipt

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
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Send one alert through every channel of the executor, and say whether it arrived.

    The addresses are NOCTURNE_WEBHOOK_URL (a Discord webhook) and NOCTURNE_APPRISE_URLS (Telegram,
    mail and others), of the environment or of the `.env` file beside the settings file. Status 1:
    a channel did not take the alert.

    Example: nocturne alerts test --settings config/settings.toml
    """
    from executor.runtime.alert_settings import APPRISE_VARIABLE, WEBHOOK_VARIABLE
    from trading.errors import SettingsError

    receipts = send_tests(settings)
    if not receipts:
        raise SettingsError(
            f"no alert channel is set: put {WEBHOOK_VARIABLE}=https://... or {APPRISE_VARIABLE}="
            f"tgram://TOKEN/CHAT into {settings.parent / '.env'} (mode 600); until then alerts go"
            " to the ledger and the log only"
        )
    if as_json:
        import json

        found = [
            {"channel": one.name, "delivered": got.accepted, "why": got.reason}
            for one, got in receipts
        ]
        typer.echo(json.dumps(found, indent=2))
    else:
        for channel, receipt in receipts:
            _report(channel, receipt)
    if not all(receipt.accepted for _, receipt in receipts):
        raise typer.Exit(1)


def send_tests(settings: Path) -> list[tuple[Channel, Receipt]]:
    """Send a test alert through every channel of the settings; empty where none is set."""
    from executor.notifications.all_channels import alert_channels
    from executor.settings import load_addresses

    channels = alert_channels(load_addresses(settings))
    return [(channel, _test(channel, settings)) for channel in channels]


def _test(channel: Channel, settings: Path) -> Receipt:
    from datetime import UTC, datetime

    from executor.notifications.alert_store import AlertLevel, WaitingAlert
    from executor.notifications.messages import AlertGroup, Wording, message_of
    from executor.settings import load_settings

    found = load_settings(settings).alerts if settings.exists() else None
    wording = Wording(found.language, found.timezone) if found is not None else Wording()
    now = int(datetime.now(UTC).timestamp() * 1000)
    alert = WaitingAlert(0, now, "test alert", {"from": "nocturne"}, AlertLevel.INFO)
    return channel.send(message_of([AlertGroup((alert,))], wording))


def _report(channel: Channel, receipt: Receipt) -> None:
    if receipt.accepted:
        typer.echo(f"{channel.name}: delivered, the server took the test alert")
    else:
        typer.echo(f"{channel.name}: not delivered: {receipt.reason}", err=True)
