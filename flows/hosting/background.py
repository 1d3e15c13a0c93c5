"""Server, worker and schedules in the background: what `make up` and `make down` do.

A JSON file in the home holds the pid of each process. A pid counts only while the process still has
our command line, so that a number reused by the system is never signalled.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.hosting import server_process
from flows.hosting.dead_runs import command_line, end_dead_runs
from flows.hosting.declared import deployments
from flows.settings import PROJECT
from trading.errors import NocturneError, SettingsError

_MARKS = {"server": "flows.hosting.server", "worker": "prefect worker start"}

# They outlive this process; a Popen that is dropped while its process runs warns of a leak.
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class BackgroundProcess:
    """A process that `up` started."""

    role: str
    pid: int
    port: int

    @property
    def ui_url(self) -> str:
        """Address of the user interface."""
        return f"http://{server_process.HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        """Address of the API."""
        return f"{self.ui_url}/api"


def up(home: Path, port: int) -> int:
    """Start what is not running yet, deploy everything again, print the address; return 0."""
    home.mkdir(parents=True, exist_ok=True)
    member = running(home, "server")
    if member is None:
        member = _start_server(home, port)
    elif member.port != port:
        print(f"the server is already running on port {member.port}")
    worker = running(home, "worker")
    for run in end_dead_runs(member.api_url, worker_runs=worker is not None):
        print(f"ended as Crashed: {run.name}: {run.reason}")
    if worker is None:
        _start_worker(home, member)
    _wait_for_pool(home, member)
    names = _deploy(home, member.api_url)
    print(f"deployed {len(names)} flows: {', '.join(names)}")
    alerts = _python(home, member.api_url, "flows.hosting.automations")
    print(f"alerts: {', '.join(alerts.splitlines())}")
    print(f"Prefect is up: {member.ui_url} (logs in {home}; `make down` stops it)")
    return 0


def deploy(home: Path, port: int) -> int:
    """Create the schedules on a server whose worker runs elsewhere, as a unit; return 0."""
    member = BackgroundProcess("server", 0, port)
    _wait_for_pool(home, member, worker_is_ours=False)
    names = _deploy(home, member.api_url)
    print(f"deployed {len(names)} flows: {', '.join(names)}")
    _python(home, member.api_url, "flows.hosting.automations")
    return 0


def down(home: Path) -> int:
    """Stop the worker, then the server; return 0 even if nothing runs."""
    stopped = [role for role in ("worker", "server") if _stop(home, role)]
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing is running")
    return 0


def status(home: Path) -> int:
    """Print what runs; return 0 when server and worker both run, else 1."""
    members = [running(home, role) for role in _MARKS]
    for role, member in zip(_MARKS, members, strict=True):
        print(f"{role}: " + ("not running" if member is None else f"running, pid {member.pid}"))
    server = members[0]
    if server is not None:
        answer = "answers" if server_process.healthy(server.api_url) else "does not answer"
        print(f"{server.ui_url} {answer}")
    return 0 if all(members) else 1


def running(home: Path, role: str) -> BackgroundProcess | None:
    """Return the live process of ``role`` that was started for ``home``, or None."""
    try:
        member = BackgroundProcess(**json.loads(_pid_file(home, role).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return member if _is_ours(member) else None


def _start_server(home: Path, port: int) -> BackgroundProcess:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server_process.HOST, port))
        except OSError as error:
            raise SettingsError(
                f"port {port} on {server_process.HOST} is in use by another program: free it,"
                f" or choose another with `python -m flows.hosting.local up --port {port + 1}`"
            ) from error
        port = int(probe.getsockname()[1])
    server_process.lay_template(home)
    command = server_process.server_command(home, port)
    process = _spawn(command, home, "server", server_process.environment(home))
    member = _remember(home, BackgroundProcess("server", process.pid, port))
    try:
        server_process.wait_for_server(process, member.api_url, home, home / "server.log")
    except NocturneError:
        _stop(home, "server")
        raise
    return member


def _start_worker(home: Path, server: BackgroundProcess) -> None:
    prefect = [sys.executable, "-m", "prefect", "worker", "start"]
    # With a fixed name a restarted worker stays the same worker in the user interface.
    options = ["--pool", server_process.POOL, "--type", "process", "--name", "this-machine"]
    environment = server_process.environment(home, server.api_url)
    process = _spawn([*prefect, *options], home, "worker", environment)
    _remember(home, BackgroundProcess("worker", process.pid, server.port))


def _spawn(
    command: list[str], home: Path, role: str, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    with (home / f"{role}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=PROJECT,
            start_new_session=True,
        )
    _started.append(process)
    return process


def _wait_for_pool(home: Path, server: BackgroundProcess, *, worker_is_ours: bool = True) -> None:
    """Wait until the worker has made its pool; before that a deployment would be refused."""
    deadline = time.monotonic() + server_process.START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(
                f"{server.api_url}/work_pools/{server_process.POOL}", timeout=5
            ):
                return
        except OSError as error:
            if worker_is_ours and running(home, "worker") is None:
                raise NocturneError(f"the worker ended: see {home / 'worker.log'}") from error
        time.sleep(0.1)
    raise NocturneError(f"the worker made no work pool: see {home / 'worker.log'}")


def _deploy(home: Path, api_url: str) -> tuple[str, ...]:
    """Create or update every declared deployment; return their names."""
    _python(home, api_url, "prefect", "--no-prompt", "deploy", "--all")
    return tuple(deployment["name"] for deployment in deployments())


def _python(home: Path, api_url: str, *command: str) -> str:
    """Run a Python module against the server; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env=server_process.environment(home, api_url),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip()[-600:]
        raise NocturneError(f"`python -m {' '.join(command)}` failed: {output}")
    return done.stdout


def _stop(home: Path, role: str) -> bool:
    """End the process of ``role`` and its children; return whether there was one."""
    member = running(home, role)
    if member is not None:
        os.kill(member.pid, signal.SIGTERM)
        deadline = time.monotonic() + server_process.STOP_TIMEOUT_S
        while _is_ours(member) and time.monotonic() < deadline:
            time.sleep(0.05)
        # Each process has its own session: this also reaches flow runs that a worker left behind.
        _signal_group(member.pid, signal.SIGKILL)
    _pid_file(home, role).unlink(missing_ok=True)
    _started[:] = [process for process in _started if process.poll() is None]
    return member is not None


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _pid_file(home: Path, role: str) -> Path:
    return home / f"{role}.pid.json"


def _remember(home: Path, member: BackgroundProcess) -> BackgroundProcess:
    scratch = home / f".{member.role}.pid.tmp"
    scratch.write_text(json.dumps(asdict(member)))
    scratch.replace(_pid_file(home, member.role))
    return member


def _is_ours(member: BackgroundProcess) -> bool:
    return _MARKS[member.role] in command_line(member.pid)
