"""The dashboard on the replayed day of the demo."""

from __future__ import annotations

import socket

import typer

from cli.demo.plan import DemoPlan
from lake.releases import read_current
from trading.errors import NocturneError

FIRST_PORT = 8050
TRIED_PORTS = 20


def serve_day(plan: DemoPlan) -> None:
    """Serve the state that the replay left, under a new password, until Ctrl-C."""
    from cli.dashboard.process import explainer
    from dashboard.access.password import make_password, read_hash, store_password
    from dashboard.server import serve
    from dashboard.settings import DashboardSettings, ExecutorAccess

    published = plan.lake / "published"
    release = read_current(published, now=plan.begin, mode="replay")
    state = plan.replay_folder(release.release_id) / "state"
    password = make_password()
    store_password(state, password)
    port = free_port()
    settings = DashboardSettings(state, published, read_hash(state), port=port)

    def announce() -> None:
        typer.echo(f"\nDashboard of the replayed day: http://127.0.0.1:{port}/")
        typer.echo(f"     password     {password}")
        typer.echo("     Ctrl-C ends it")

    access = ExecutorAccess(explain=explainer(settings.source.where, None))
    serve(settings, access, on_ready=announce)


def free_port() -> int:
    """Return the first port from 8050 on which nothing listens."""
    for port in range(FIRST_PORT, FIRST_PORT + TRIED_PORTS):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    last = FIRST_PORT + TRIED_PORTS - 1
    raise NocturneError(f"demo: all ports from {FIRST_PORT} to {last} are taken; free one of them")
