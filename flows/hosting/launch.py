"""Start a flow from a terminal or from another program, with or without a Prefect server."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.engine.engine import Console, PlainEngine, Say
from flows.engine.request import FlowArguments, FlowRequest, make_request
from flows.hosting import background, server_process
from flows.hosting.declared import declared_flows
from flows.pipeline import BODIES, Body, FlowResult
from flows.settings import FILE_VARIABLE
from trading.errors import ParameterError, SettingsError, did_you_mean

_DRAIN_S = 10.0
SERVERS = ("auto", "private", "none")


def launch(
    name: str,
    arguments: FlowArguments,
    *,
    server: str = "auto",
    settings: Path | None = None,
    say: Say | None = None,
) -> FlowResult:
    """Run the flow ``name`` in this process and return what it did.

    ``server``: ``private`` starts a Prefect server for this run alone (its home is in the
    ``work`` setting; 7 s), a URL uses that server, ``none`` runs the steps without Prefect,
    ``auto`` uses ``PREFECT_API_URL`` or the server of ``make up`` if one answers, else none.
    Progress goes to ``say``, by default the terminal. ``settings`` replaces
    ``config/research.toml``. Raises what the flow raises.
    """
    if name not in BODIES and name not in declared_flows():
        known = list(dict.fromkeys((*BODIES, *declared_flows())))
        meant = did_you_mean(name, known)
        raise ParameterError(f"there is no flow '{name}'{meant}; flows are {', '.join(known)}")
    with _environment({FILE_VARIABLE: str(settings.resolve())} if settings else {}):
        return _launch(name, make_request(arguments, flow=name), server, say or Console())


def _launch(name: str, request: FlowRequest, server: str, console: Say) -> FlowResult:
    console(f"{name} as of {request.as_of:%Y-%m-%d %H:%M}Z, lake {request.settings.lake}")
    home = request.settings.work / "prefect"
    if server == "private":
        return _run_private(name, request, home, console)
    url = _url_of(server, home)
    if url is None:
        body, settings = _body_of(name, home), request.settings
        engine = PlainEngine(name, settings.threads, console, settings.runner)
        with contextlib.closing(engine):
            return body(engine, request)
    return _run_with_prefect(name, request, home, url, console)


def _url_of(server: str, home: Path) -> str | None:
    if server == "none":
        return None
    if server == "auto":
        member = background.running(home, "server")
        known = (os.environ.get("PREFECT_API_URL"), member.api_url if member else None)
        return next((url for url in known if url and server_process.healthy(url)), None)
    if not server.startswith(("http://", "https://")):
        raise ParameterError(f"server '{server}' is none of {', '.join(SERVERS)} and no http URL")
    url = server.rstrip("/")
    url = url if url.endswith("/api") else f"{url}/api"
    if not server_process.healthy(url):
        raise SettingsError(f"no Prefect server answers at {url}; start one with `make up`")
    return url


def _run_private(name: str, request: FlowRequest, home: Path, console: Say) -> FlowResult:
    member = background.running(home, "server")
    if member is not None and server_process.healthy(member.api_url):
        return _run_with_prefect(name, request, home, member.api_url, console)
    console("starting a Prefect server for this run …")
    with server_process.starting_server(home) as starting:
        # The imports take seconds: they run while the server starts.
        _flow_of(name, home)
        url = starting.ready()
        console(f"Prefect server at {url}")
        return _run_with_prefect(name, request, home, url, console)


def _run_with_prefect(
    name: str, request: FlowRequest, home: Path, url: str, console: Say
) -> FlowResult:
    flow = _flow_of(name, home)
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        temporary_settings,
    )

    from flows.engine.prefect_engine import TERMINAL

    # A run at a terminal needs no heartbeat, and the heartbeat's thread takes a second to end.
    values = {PREFECT_API_URL: url, PREFECT_HOME: home, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    token = TERMINAL.set(console)
    with temporary_settings(values):
        try:
            result: FlowResult = flow(
                as_of=f"{request.as_of:%Y-%m-%dT%H:%M:%SZ}",
                lake=str(request.settings.lake),
                sample=str(request.settings.sample),
                symbols=None if request.settings.top_symbols else list(request.settings.symbols),
            )
            return result
        finally:
            TERMINAL.reset(token)
            _send_pending()


def _send_pending() -> None:
    """Send the run's last events and log lines while the server can still take them.

    Prefect would send them at the end of the process, and try for a minute if the server ended
    first.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=_DRAIN_S, at_exit=False)


def _body_of(name: str, home: Path) -> Body:
    """Return the body of ``name``; importing a flow's own file registers its body."""
    if name not in BODIES:
        _flow_of(name, home)
    if name not in BODIES:
        raise SettingsError(
            f"flow '{name}': {declared_flows()[name]} registers no body of that name;"
            f' put @flow_body("{name}") above the function that runs its steps'
        )
    return BODIES[name]


def _flow_of(name: str, home: Path) -> Any:
    """Import the Prefect flow of ``name``.

    Prefect reads its home and its logging settings when it is first imported.
    """
    wanted = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        # The console shows our progress lines; Prefect's own lines go to the server.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "trading,lake,flows",
        "DO_NOT_TRACK": "1",
    }
    module, _, attribute = declared_flows()[name].partition(":")
    with _environment({} if "prefect" in sys.modules else wanted):
        return getattr(importlib.import_module(module), attribute)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
