"""The server process: it gives its address when it listens, and says why it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.dashboard.process import NICENESS
from dashboard.access.password import store_password
from tests.executor.harness import ROOT
from tests.ports import free_port

DEADLINE_S = 100.0
SETTINGS = """mode = "replay"
account = "main"
[paths]
published = "{folder}/published"
state = "{folder}"
[venues.binance_usdm]
rest_url = "http://127.0.0.1:1"
ws_url = "ws://127.0.0.1:1"
"""
Start = Callable[[int], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start the dashboard of a state folder on a port."""
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS.format(folder=tmp_path))
    store_password(tmp_path, "correct horse battery")
    run = [sys.executable, "-m", "cli", "dashboard", "run", "--settings", str(settings)]

    def started(port: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*run, "--port", str(port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


def test_it_listens_where_its_address_is_printed(start: Start) -> None:
    port = free_port()
    with start(port) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S):
            assert address == f"http://127.0.0.1:{port}/"
        # Orders go first on a busy machine: a page may be late.
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, own + NICENESS)
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH, "it interrupts nobody"
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0


def test_a_port_that_is_taken_is_named_with_what_to_do(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(port) as process:
            printed, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, printed) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in said
    assert "--port" in said
