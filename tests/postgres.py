"""A PostgreSQL server of its own in a temporary folder, on the loopback, stopped by its id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.waiting import until

DEADLINE_S = 60.0
FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40")
"""A test machine may lose power: nothing here outlives the test."""


@dataclass(frozen=True)
class Database:
    """An empty database of a running server."""

    url: str


@dataclass
class Server:
    """A server; `pause` makes it silent, `kill_sessions` cuts every connection."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Server]:
        """Start a server and stop it at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="nocturne-pg-") as name:
            folder, port = Path(name), _free_port()
            _own(folder)
            data = folder / "data"
            subprocess.run(
                [_program("initdb"), "-D", data, "-A", "trust", "-U", "nocturne", "--no-sync"],
                check=True,
                capture_output=True,
                **_owner(),
            )
            server = cls(folder, port)
            try:
                server.start()
                yield server
            finally:
                server.stop()

    def url(self, database: str) -> str:
        """Address of a database."""
        return f"postgresql://nocturne@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [part for setting in FAST for part in ("-c", setting)]
        self.process = subprocess.Popen(
            [
                _program("postgres"),
                *("-D", str(self.folder / "data"), "-p", str(self.port)),
                *("-h", "127.0.0.1", "-k", str(self.folder), *options),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_owner(),
        )
        until("answer of the server", self._answers, DEADLINE_S)

    def stop(self) -> None:
        """Stop at once, as after a crash of the machine."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(DEADLINE_S)
            self.process = None

    @contextmanager
    def database(self) -> Iterator[Database]:
        """An empty database."""
        name = f"ledger_{next(self.numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute(f"create database {name}".encode())
        yield Database(self.url(name))
        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute(f"drop database {name} with (force)".encode())

    def cut(self, database: Database) -> None:
        """End every session of a database, as a broken line does."""
        name = database.url.rpartition("/")[2]
        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                (name,),
            )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _program(name: str) -> str:
    places = [str(path.parent) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found = shutil.which(name, path=os.pathsep.join([*sorted(places), os.environ["PATH"]]))
    if not found:
        pytest.skip(f"{name} is missing; run scripts/setup_postgres.sh")
    return str(Path(found).resolve())


def _owner() -> dict[str, str]:
    """PostgreSQL refuses to run as root; Debian's package makes a user for it."""
    return {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}


def _own(folder: Path) -> None:
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
