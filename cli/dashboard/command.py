"""`nocturne dashboard`: a page of the running executor in the browser."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The executor in a browser, live, with its controls.\n\n"
    "Example: nocturne dashboard run --settings config/settings.toml",
)
SETTINGS = typer.Option(
    Path("config/settings.toml"), "--settings", help="Settings file of the executor (TOML)."
)


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
    from cli.dashboard.process import become
    from dashboard.access.password import read_hash
    from dashboard.settings import DashboardSettings
    from executor.settings import load_settings
    from lake.ledger_database import LedgerSource

    found = load_settings(settings)
    paths, url = found.paths, found.ledger.url
    become(
        DashboardSettings(
            state=paths.state,
            published=paths.published,
            password_hash=read_hash(paths.state),
            settings_file=str(settings),
            port=port,
            ledger=LedgerSource(url, found.account) if url is not None else None,
            day_begins=found.risk.day_begins,
            daily_loss_limit=float(found.risk.daily_loss_limit),
            timezone=found.alerts.timezone,
            prefect_url=prefect_url.rstrip("/").removesuffix("/api"),
        )
    )


@app.command()
def password(settings: Path = SETTINGS) -> None:
    """Set the password: the first line of standard input, or one that is made and printed.

    Example: nocturne dashboard password --settings config/settings.toml
    """
    import sys

    from dashboard.access.password import make_password, store_password
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
