"""Listening sockets are exactly the configured ones, all on the loopback interface."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dashboard.access.password import store_password
from tests.executor.harness import ROOT, Bench, Replay, utc
from tests.ports import free_port
from tests.waiting import until

LISTENING = "0A"
SPAN = (utc("2025-06-18T12:00"), 3.0)
START_S = 300.0


def listening(process: int) -> set[tuple[str, int]]:
    """Address and port of every TCP socket on which a process and its children listen."""
    members = [process, *children(process)]
    inodes = {inode for member in members for inode in _sockets(member)}
    found = set()
    for table in ("tcp", "tcp6"):
        file = Path(f"/proc/{process}/net/{table}")
        # A machine without IPv6 has no tcp6.
        for line in file.read_text().splitlines()[1:] if file.exists() else []:
            words = line.split()
            if words[3] == LISTENING and words[9] in inodes:
                address, port = words[1].split(":")
                found.add((_written(address), int(port, 16)))
    return found


def children(process: int) -> list[int]:
    """Every process that a process started, and those started by them."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            if parent == process:
                found += [int(folder.name), *children(int(folder.name))]
    return found


def _sockets(process: int) -> set[str]:
    found: set[str] = set()
    with suppress(OSError):  # a child that has ended holds none
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                found.update(re.findall(r"^socket:\[(\d+)\]", str(link.readlink())))
    return found


def _written(address: str) -> str:
    """The kernel's hexadecimal address, in words of four bytes, as people write it."""
    raw = b"".join(bytes.fromhex(address[n : n + 8])[::-1] for n in range(0, len(address), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def test_a_socket_of_every_interface_would_be_found() -> None:
    with ExitStack() as stack:
        expected = set()
        for address, family in (
            ("127.0.0.1", socket.AF_INET),
            ("0.0.0.0", socket.AF_INET),
            ("::1", socket.AF_INET6),
        ):
            try:
                one = stack.enter_context(socket.create_server((address, 0), family=family))
            except OSError:
                if family is socket.AF_INET:
                    raise
                continue  # this machine has no IPv6
            expected.add((address, one.getsockname()[1]))
        assert expected <= listening(os.getpid())


def _log_of_start(state: Path) -> str:
    """The executor's log once it has started; empty before."""
    log = state / "executor.log"
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return text if "ready in" in text else ""


def start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("with_metrics", [True, False])
def test_executor_sandbox_and_dashboard_listen_where_the_settings_say_and_nowhere_else(
    tmp_path: Path, with_metrics: bool
) -> None:
    extra = "[metrics]\nport = 0\n" if with_metrics else ""
    bench = Bench(tmp_path, Replay(*SPAN, extra=extra))
    state = tmp_path / "state"
    state.mkdir()
    store_password(state, "correct horse battery")
    executor, page = bench.start(), free_port()
    run = ("-m", "cli", "dashboard", "run")
    dashboard = start(*run, "--settings", str(bench.settings), "--port", str(page))
    try:
        until("the dashboard", lambda: listening(dashboard.pid), START_S)
        log = until("a start", lambda: _log_of_start(state), START_S)
        named = re.findall(r"metrics at http://([\d.]+):(\d+)", log)
        assert len(named) == with_metrics
        assert listening(executor.pid) == {(address, int(port)) for address, port in named}
        assert {address for address, _ in listening(executor.pid)} <= {"127.0.0.1"}
        assert listening(dashboard.pid) == {("127.0.0.1", page)}
        assert [address for address, _ in listening(bench.sandbox_pid)] == ["127.0.0.1"]
    finally:
        end(dashboard)
        bench.close()


@pytest.mark.slow
def test_the_prefect_server_listens_on_the_loopback_interface_alone(tmp_path: Path) -> None:
    port = free_port()
    server = start("-m", "flows.hosting.server", "--home", str(tmp_path), "--port", str(port))
    try:
        until("the server", lambda: listening(server.pid), START_S)
        assert listening(server.pid) == {("127.0.0.1", port)}
    finally:
        end(server)
