"""What compose.yaml starts, run here in its order: the same commands, variables and health checks.

There is no container runtime, so folders, hosts and ports are this machine's. What only a runtime
can do (building images, users, mounts) is not tried.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.executor.harness import KEYS, Bench, Replay, utc
from tests.first_hour.test_containers import DOCKERFILE, ROOT, SERVICES, in_order
from tests.ports import free_port
from tests.postgres import Server
from tests.waiting import until

BIN = Path(sys.executable).parent
READY_S = 300.0
ENDED_S = 300.0


def stages(target: str) -> list[str]:
    """Return the text of the stages of the Dockerfile that make up a target."""
    parts = {}
    for part in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]:
        parent, name = re.match(r"(\S+) AS (\w+)", part).groups()  # type: ignore[union-attr]
        parts[name] = (parent, part)
    found, name = [], target
    while name in parts:
        parent, text = parts[name]
        found.append(text)
        name = parent
    return found


@dataclass
class Here:
    """This machine in the place of the containers: a folder for /data, ports for hosts."""

    folder: Path
    database: int
    bench: Bench
    server: int = field(default_factory=free_port)
    dashboard: int = field(default_factory=free_port)

    def text(self, value: str) -> str:
        """Return a word of compose.yaml or of the Dockerfile for this machine."""
        places = {
            "/data/config/settings.toml": str(self.bench.settings),
            "/data/": f"{self.folder}/",
            "/tmp/": f"{self.folder}/tmp/",
            "${PREFECT_DATABASE_PASSWORD}": "any",
            "@database:5432": f"@127.0.0.1:{self.database}",
            "http://server:4200": f"http://127.0.0.1:{self.server}",
            "127.0.0.1:4200": f"127.0.0.1:{self.server}",
            "0.0.0.0": "127.0.0.1",
        }
        known = re.compile("|".join(map(re.escape, places)))  # once: what is put in stays as it is
        return str(self.server) if value == "4200" else known.sub(lambda m: places[m[0]], value)

    def target(self, service: str) -> str:
        return str(SERVICES[service]["image"]).removeprefix("nocturne-")

    def command(self, service: str) -> list[str]:
        """Return what the container runs: compose's command, else the image's."""
        words = SERVICES[service].get("command")
        text = stages(self.target(service))[0]
        if words is None:
            words = yaml.safe_load(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1])
        entry = re.search(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)
        return [
            self.text(str(word)) for word in [*yaml.safe_load(entry[1] if entry else "[]"), *words]
        ]

    def environment(self, service: str) -> dict[str, str]:
        """Return the variables of the image and of the service, and none of ours."""
        found = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.folder), **KEYS}
        for text in reversed(stages(self.target(service))):
            lines = re.findall(r"^ENV ((?:.*\\\n)*.*)$", text, re.MULTILINE)
            for pair in " ".join(lines).replace("\\\n", " ").split():
                name, _, value = pair.partition("=")
                found[name] = self.text(value)
        given: Mapping[str, Any] = SERVICES[service].get("environment", {})
        return found | {name: self.text(str(value)) for name, value in given.items()}

    def health(self, service: str) -> list[str]:
        """Return the health check of the service's image."""
        text = stages(self.target(service))[0]
        check = re.search(r"^HEALTHCHECK .*\n\s+CMD (\[.*\])$", text, re.MULTILINE)
        assert check is not None
        return [self.text(str(word)) for word in yaml.safe_load(check[1])]


def is_healthy(here: Here, service: str) -> bool:
    """Run the health check of a service; an executor on a still market warms up without end."""
    done = subprocess.run(
        here.health(service),
        env=here.environment(service),
        capture_output=True,
        text=True,
        check=False,
    )
    if service != "executor":
        return done.returncode == 0
    checks = json.loads(done.stdout)["checks"] if done.stdout else {}
    return bool(checks) and {n for n, c in checks.items() if not c["ok"]} <= {"warm_up"}


@contextmanager
def running(here: Here, service: str, *more: str) -> Iterator[Path]:
    """Run a service as its container would; yield its log. SIGTERM ends it."""
    log = here.folder / f"{service}.log"
    with log.open("w") as target:
        process = subprocess.Popen(
            [*here.command(service), *more],
            cwd=ROOT if here.target(service) == "research" else here.folder,
            env=here.environment(service),
            stdout=target,
            stderr=target,
        )
    try:
        yield log
        assert process.poll() is None, log.read_text()[-2_000:]
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            # A worker waits for the run that its schedule has begun at a quarter of the hour.
            process.wait(ENDED_S)
        if process.poll() is None:
            process.kill()
            process.wait()
            pytest.fail(f"{service} did not end on SIGTERM")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """A database, a replayed market, and a folder for the volumes."""
    with Server.running() as database:
        with psycopg.connect(database.url("postgres"), autocommit=True) as session:
            session.execute("create role prefect login superuser")
            session.execute("create database prefect owner prefect")
        (tmp_path / "bench").mkdir()
        (tmp_path / "tmp").mkdir()
        replay = Replay(utc("2025-06-18T12:00"), 3.0, sandbox=("--clock", "stepped"))
        bench = Bench(tmp_path / "bench", replay)
        try:
            yield Here(tmp_path, database.port, bench)
        finally:
            bench.close()


@pytest.mark.slow
@pytest.mark.timeout(2_400)
def test_the_services_start_in_the_order_of_compose_and_end_on_sigterm(here: Here) -> None:
    started = []
    with ExitStack() as stack:
        for service in in_order():
            start(here, service, stack)
            started.append(service)
    assert started == in_order()
    assert len(started) == len(SERVICES) == 6


def start(here: Here, service: str, stack: ExitStack) -> None:
    """Start one service and wait for what the next one waits for."""
    if service == "database":  # the fixture's, with the role and the database of compose.yaml
        given = SERVICES[service]["environment"]
        assert (given["POSTGRES_USER"], given["POSTGRES_DB"]) == ("prefect", "prefect")
    elif service == "deploy":
        done = subprocess.run(
            here.command(service),
            cwd=ROOT,
            env=here.environment(service),
            capture_output=True,
            text=True,
            timeout=READY_S * 3,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    elif service == "dashboard":
        run_dashboard(here, stack)
    else:
        log = stack.enter_context(running(here, service))
        if service == "worker":
            until("a worker", lambda: "started!" in log.read_text(), READY_S)
        else:
            until(f"a healthy {service}", lambda: is_healthy(here, service), READY_S)


def run_dashboard(here: Here, stack: ExitStack) -> None:
    """Set the password as docs/containers.md says, then start the page."""
    settings = str(here.bench.settings)
    subprocess.run(
        [BIN / "nocturne", "dashboard", "password", "--settings", settings],
        input="a long enough pass phrase\n",
        env=here.environment("dashboard"),
        text=True,
        capture_output=True,
        check=True,
    )
    stack.enter_context(running(here, "dashboard", "--port", str(here.dashboard)))

    def answers() -> bool:
        with suppress(OSError):
            address = f"http://127.0.0.1:{here.dashboard}/"
            with urllib.request.urlopen(address, timeout=10) as answer:
                return b"password" in answer.read()
        return False

    until("the dashboard", answers, READY_S)
