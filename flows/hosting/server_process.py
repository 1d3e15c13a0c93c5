"""Starts a Prefect server on this machine and waits for it.

`server` gives a single run a real server on a free port that ends with the run. Creating Prefect's
database takes 10 s, starting on an existing one 7 s; `prepare` pays the difference once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flows.hosting.server import EXIT_HOME_IN_USE
from flows.settings import PROJECT
from trading.errors import NocturneError, SettingsError

HOST = "127.0.0.1"
POOL = "nocturne"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0
_POLL_S = 0.1


def environment(home: Path, api_url: str | None = None) -> dict[str, str]:
    """Return the environment of a Prefect process: own home, no telemetry, no hidden server."""
    variables = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if api_url is not None:
        variables["PREFECT_API_URL"] = api_url
    return variables


def free_port() -> int:
    """Find a port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def healthy(api_url: str) -> bool:
    """Check whether a Prefect server answers at ``api_url``."""
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class StartingServer:
    """A private server that is coming up; `ready` waits until it answers."""

    process: subprocess.Popen[bytes]
    home: Path
    api_url: str
    log: Path

    def ready(self) -> str:
        """Return the API address once the server answers; `NocturneError` when it does not."""
        wait_for_server(self.process, self.api_url, self.home, self.log)
        return self.api_url


@contextlib.contextmanager
def starting_server(home: Path) -> Iterator[StartingServer]:
    """Start a private server without waiting, so that heavy imports run while it comes up.

    It ends with the block, and with this process, however that ends.
    """
    home = home.resolve()
    lay_template(home)
    log = home / "server.log"
    port = free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            server_command(home, port, "--with-parent"),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment(home),
            cwd=PROJECT,
        )
    try:
        yield StartingServer(process, home, f"http://{HOST}:{port}/api", log)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def server(home: Path) -> Iterator[str]:
    """Run a private Prefect server on a free port of 127.0.0.1; yields its API address."""
    with starting_server(home) as starting:
        yield starting.ready()


def wait_for_server(process: subprocess.Popen[bytes], api_url: str, home: Path, log: Path) -> None:
    """Block until the server answers; `NocturneError` when it ended or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not healthy(api_url):
        code = process.poll()
        if code == EXIT_HOME_IN_USE:
            raise SettingsError(
                f"another Prefect server uses {home}: wait for the run that started it, or stop it"
                " with `make down`"
            )
        if code is not None:
            raise NocturneError(f"the Prefect server ended with status {code}: see {log}")
        if time.monotonic() > deadline:
            raise NocturneError(
                f"the Prefect server did not answer within {START_TIMEOUT_S:.0f} s: see {log}"
            )
        time.sleep(_POLL_S)


def server_command(home: Path, port: int, *more: str) -> list[str]:
    """Return the command that serves ``home`` on ``port``."""
    command = [
        sys.executable,
        "-m",
        "flows.hosting.server",
        "--home",
        str(home),
        "--port",
        str(port),
    ]
    return [*command, *more]


# --- the database template ---------------------------------------------------------------------


def template_path() -> Path:
    """Return the path of the empty, migrated database of this Prefect version."""
    return PROJECT / ".work" / f"prefect-{version('prefect')}.template.db"


def prepare() -> Path:
    """Make the template if there is none; takes 10 s, once per Prefect version."""
    target = template_path()
    if target.is_file():
        return target
    scratch = target.with_suffix(f".{os.getpid()}")
    scratch.mkdir(parents=True)
    try:
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
        done = subprocess.run(
            command, env=environment(scratch), cwd=scratch, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise NocturneError(
                f"Prefect could not create its database: {done.stderr.strip()[-400:]}"
            )
        with contextlib.closing(sqlite3.connect(scratch / "prefect.db")) as database:
            database.execute("pragma wal_checkpoint(truncate)")
        (scratch / "prefect.db").replace(target)
    finally:
        shutil.rmtree(scratch)
    return target


def lay_template(home: Path) -> None:
    """Give a new home the prepared database; without a template the server makes its own."""
    home.mkdir(parents=True, exist_ok=True)
    database = home / "prefect.db"
    if database.exists() or not template_path().is_file():
        return
    scratch = home / f".prefect.db.{os.getpid()}.tmp"
    shutil.copyfile(template_path(), scratch)
    scratch.replace(database)
