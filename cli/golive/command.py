"""`nocturne golive`: check everything that live trading needs, and confirm it."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def golive(
    settings: Path = typer.Option(
        Path("config/settings.toml"), "--settings", help="Settings file of the executor (TOML)."
    ),
    account: str = typer.Option(
        "", "--confirm", metavar="ACCOUNT", help="Confirm without a question: the account's name."
    ),
    revoke: bool = typer.Option(
        False, "--revoke", help="Take the confirmation back: no entries from the next start on."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Check what live trading needs, then let it begin with a capped first week.

    A position is opened, protected and closed on the exchange's test network (keys
    NOCTURNE_BINANCE_DEMO_KEY and _SECRET). Then the live account is looked at, and not changed:
    rights of the key, position mode, clock, balance and smallest sizes; a test alert is sent.
    When nothing is wrong and mode is live, the account's name confirms it. For live.first_week_days
    (7) every limit of size and loss is live.first_week (10 %) of the settings; then it is all of
    them. Without a confirmation a live executor protects what is open and enters nothing.
    Status 1: something is wrong.

    Example: nocturne golive --settings config/settings.toml

    Example: nocturne golive --settings config/settings.toml --confirm main --json

    Example: nocturne golive --settings config/settings.toml --revoke
    """
    import dataclasses
    import json

    from cli.doctor.command import shown
    from cli.golive.checks import run_checks

    if revoke:
        _revoke(settings)
        return
    lines = shown(run_checks(settings), quiet=as_json)
    wrong = sum(line.verdict == "wrong" for line in lines)
    confirmed = "" if wrong else _confirm(settings, account, ask=not as_json)
    if as_json:
        rows = [dataclasses.asdict(line) for line in lines]
        typer.echo(json.dumps({"checks": rows, "confirmed": confirmed}, indent=2))
    elif wrong:
        typer.echo(f"\n{wrong} wrong: nothing was confirmed")
    elif confirmed:
        typer.echo(
            f"\n{confirmed}\nnext (an executor that runs already has to start again):"
            f" nocturne executor run --settings {settings}"
        )
    if wrong:
        raise typer.Exit(1)


def _confirm(settings_file: Path, given: str, *, ask: bool) -> str:
    """Confirm live trading; returns what was confirmed, empty for a rehearsal or a no."""
    from datetime import UTC, datetime

    from executor.settings import Mode, load_settings
    from executor.settings.first_week import confirm, unusable_confirmation
    from trading.errors import SettingsError

    settings = load_settings(settings_file)
    if settings.mode is not Mode.LIVE:
        if given:
            raise SettingsError(f"mode is '{settings.mode}': only mode 'live' can be confirmed")
        return ""
    if not given and ask:
        given = typer.prompt(f"\nreal money: type the account's name ({settings.account})")
    if not given:
        return ""
    if given != settings.account:
        raise SettingsError(f"the account's name is {settings.account!r}, not {given!r}")
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    unusable = unusable_confirmation(settings)
    week = confirm(settings, now_ms)
    share = week.share_at(now_ms)
    replaced = f" (it replaces one that could not be used: {unusable})" if unusable else ""
    if share == 1:
        return (
            f"live trading of account {settings.account} is confirmed, with full limits{replaced}"
        )
    until = datetime.fromtimestamp(week.until_ms / 1000, UTC)
    return (
        f"live trading of account {settings.account} is confirmed: {share:.0%} of the limits"
        f" until {until:%Y-%m-%d %H:%M} UTC, then all of them{replaced}"
    )


def _revoke(settings_file: Path) -> None:
    from executor.settings import load_settings
    from executor.settings.first_week import revoke

    done = revoke(load_settings(settings_file))
    typer.echo(
        "revoked: from its next start on the executor enters nothing; now:"
        f" nocturne executor pause --settings {settings_file}"
        if done
        else "there was no confirmation"
    )
