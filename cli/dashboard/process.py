"""The process that serves the dashboard: what serving needs is in its memory, and nothing else.

`nocturne dashboard run` reads the settings, which takes a validator and a command line, and then
becomes this process. A release and the trace of an order are read by processes that end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from cli.dashboard.lean_start import ENVIRONMENT, import_lean
from dashboard.processes import answer_of, python_command, python_environment
from dashboard.settings import DashboardSettings, ExecutorAccess
from executor.operations.control_socket import call, follow
from executor.runtime.systemd import notify
from lake.ledger_database import LedgerSource
from trading.errors import NocturneError

NICENESS = 10
"""The executor, the flows and the tests of a machine go first: a page may be late, an order not."""


def become(settings: DashboardSettings) -> NoReturn:
    """Replace this process by the one that serves; the settings may hold a password of a database.

    So they go through an unnamed file, and not over the command line.
    """
    handle = os.memfd_create("settings", 0)
    os.write(handle, document_of(settings).encode())
    os.lseek(handle, 0, os.SEEK_SET)
    os.set_inheritable(handle, True)
    sys.stdout.flush()
    command = python_command("cli.dashboard.process", str(handle))
    os.execve(command[0], command, python_environment() | ENVIRONMENT)  # noqa: S606 - our own Python


def document_of(settings: DashboardSettings) -> str:
    """Return the settings as JSON."""

    def plain(value: Any) -> Any:
        return sorted(value) if isinstance(value, frozenset) else str(value)

    return json.dumps(asdict(settings), default=plain)


def settings_of(document: Mapping[str, Any]) -> DashboardSettings:
    """Return the settings of a document."""
    ledger = document["ledger"]
    given = dict(document) | {
        "state": Path(document["state"]),
        "published": Path(document["published"]),
        "hosts": frozenset(document["hosts"]),
        "ledger": None if ledger is None else LedgerSource(ledger["where"], ledger["account"]),
    }
    return DashboardSettings(**given)


def explainer(ledger: str, account: str | None) -> Callable[[str], list[str]]:
    """Return what traces an order of a ledger back to its data, as `nocturne why` does."""

    def explain(order: str) -> list[str]:
        question = {"order": order, "ledger": ledger, "account": account}
        lines: list[str] = answer_of("cli.dashboard.trace", question)
        return lines

    return explain


def go_last() -> None:
    """Let the other processes of the machine go first: this one interrupts none of them."""
    os.nice(NICENESS)
    with suppress(OSError):  # a container may forbid it
        # Whoever runs is not interrupted when a page has something to do: it waits its turn.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def main() -> None:
    """Serve with the settings of an open file until SIGINT or SIGTERM."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        settings = settings_of(json.load(file))
    go_last()
    import_lean()
    from dashboard.server import serve

    def control(command: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        return call(settings.state, command, **arguments)

    def announce() -> None:
        print(f"http://127.0.0.1:{settings.port}/ (Ctrl-C ends it)", flush=True)

    explain = explainer(settings.source.where, settings.source.account)
    access = ExecutorAccess(control, partial(follow, settings.state), explain)
    try:
        serve(settings, access, notify, announce)
    except NocturneError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
