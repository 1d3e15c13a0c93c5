"""`nocturne dashboard`: a page of the running executor in the browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The executor in a browser, live, with its controls.\n\n"
    "Example: nocturne dashboard run --settings config/settings.toml",
)
SETTINGS = typer.Option(..., "--settings", help="Settings file of the executor (TOML).")


@app.command()
def run(
    settings: Path = SETTINGS,
    port: int = typer.Option(
        8050, min=1, max=65535, envvar="NOCTURNE_DASHBOARD_PORT", help="Port on 127.0.0.1."
    ),
    prefect_url: str = typer.Option(
        "http://127.0.0.1:4200",
        envvar="PREFECT_API_URL",
        help="Prefect's server, whose flow runs are listed.",
    ),
) -> None:
    """Serve the dashboard on 127.0.0.1 until Ctrl-C; it asks for the password.

    Example: nocturne dashboard run --settings config/settings.toml
    """
    from dashboard.password import read_hash
    from dashboard.server import serve
    from dashboard.settings import DashboardSettings, ExecutorAccess
    from executor.operations.control_socket import call, follow
    from executor.runtime.systemd import notify
    from executor.settings import load_settings
    from lake.ledger_database import LedgerSource

    found = load_settings(settings)
    paths, url = found.paths, found.ledger.url

    def control(command: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        return call(paths.state, command, **arguments)

    shown = DashboardSettings(
        state=paths.state,
        published=paths.published,
        password_hash=read_hash(paths.state),
        settings_file=str(settings),
        port=port,
        ledger=LedgerSource(url, found.account) if url is not None else None,
        day_begins=found.risk.day_begins,
        daily_loss_limit=float(found.risk.daily_loss_limit),
        prefect_url=prefect_url.rstrip("/").removesuffix("/api"),
    )

    def announce() -> None:
        typer.echo(f"http://127.0.0.1:{port}/ (Ctrl-C ends it)")

    explain = explainer(shown.source.where, shown.source.account)
    access = ExecutorAccess(control, partial(follow, paths.state), explain)
    serve(shown, access, notify, announce)


def explainer(ledger: str, account: str | None) -> Callable[[str], list[str]]:
    """Return what traces an order of a ledger back to its data, as `nocturne why` does."""

    def explain(order: str) -> list[str]:
        from cli.why.report import explain as explained
        from cli.why.report import to_text
        from executor.ledger.reader import LedgerPlace

        return to_text(explained(order, LedgerPlace(ledger, account), None)).splitlines()

    return explain


@app.command()
def password(settings: Path = SETTINGS) -> None:
    """Set the password: the first line of standard input, or one that is made and printed.

    Example: nocturne dashboard password --settings config/settings.toml
    """
    import sys

    from dashboard.password import make_password, store_password
    from executor.settings import load_settings

    state = load_settings(settings).paths.state
    if sys.stdin.isatty():
        given = typer.prompt(
            "Password (empty makes one)", default="", hide_input=True, show_default=False
        )
    else:
        given = sys.stdin.readline().rstrip("\n")
    chosen = given or make_password()
    state.mkdir(parents=True, exist_ok=True)
    path = store_password(state, chosen)
    typer.echo(f"The hash is in {path}; restart the dashboard.")
    if not given:
        typer.echo(f"The password is: {chosen}")
