"""Runs whose process died with its worker end as Crashed; no other run is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from flows.hosting.dead_runs import command_line, end_dead_runs
from tests.waiting import until

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ACTIVE = ("RUNNING", "PENDING", "CANCELLING")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "SCHEDULED", "CRASHED")
DEAD = ("ended", "ended on a named host", "zombie", "another program", "younger than its run")


class FakeApi(BaseHTTPRequestHandler):
    """The two endpoints of Prefect's API that matter here, over runs in memory."""

    runs: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        """Answer ``flow_runs/filter`` and ``flow_runs/ID/set_state``."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/filter"):
            wanted = body["flow_runs"]["state"]["type"]["any_"]
            found = [run for run in self.runs if run["state"]["type"] in wanted]
            answer: Any = found[body["offset"] : body["offset"] + body["limit"]]
        else:
            (run,) = [one for one in self.runs if one["id"] == self.path.split("/")[-2]]
            run["state"] = {**run["state"], **body["state"]}
            answer = {"status": "ACCEPT"}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def api() -> Iterator[str]:
    """Serve the runs; yields the address of the API."""
    FakeApi.runs = []
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeApi) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.fixture(scope="module")
def pids() -> Iterator[dict[str, str]]:
    """Return what a run says of its process, by what has become of that process."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    zombie = subprocess.Popen(["true"])
    until("zombie", lambda: not command_line(zombie.pid), 30)
    other = subprocess.Popen(["sleep", "600"])
    young = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    until("young process", lambda: "input" in command_line(young.pid), 30)
    yield {
        "ended": str(ended.pid),
        "ended on a named host": f"this-machine:{ended.pid}",
        "zombie": str(zombie.pid),
        "another program": str(other.pid),
        "younger than its run": str(young.pid),
        "alive": str(os.getpid()),
        "alive on a named host": f"this-machine:{os.getpid()}",
    }
    for process in (zombie, other, young):
        process.kill()
        process.communicate()


def run_of(state: str, pid: str, since: datetime | None = None, **more: Any) -> dict[str, Any]:
    """Return a run as the API has it."""
    moment = (since or datetime.now(UTC)).isoformat()
    run = {
        "id": f"run-{len(FakeApi.runs)}",
        "name": f"nightly {len(FakeApi.runs)}",
        "state": {"type": state, "timestamp": moment},
        "infrastructure_pid": pid,
        "deployment_id": "nightly",
    }
    FakeApi.runs.append({**run, **more})
    return FakeApi.runs[-1]


@pytest.mark.parametrize("state", ACTIVE)
@pytest.mark.parametrize("what", DEAD)
def test_a_run_without_its_process_ends_as_crashed_with_the_reason(
    api: str, pids: dict[str, str], what: str, state: str
) -> None:
    since = LONG_AGO if what == "younger than its run" else None
    run = run_of(state, pids[what], since)
    (found,) = end_dead_runs(api, worker_runs=True)
    assert found.name == run["name"]
    pid = pids[what].rpartition(":")[2]
    reason = f"its process {pid} ended without a report (killed, or the machine restarted)"
    assert found.reason == run["state"]["message"] == reason
    assert (run["state"]["type"], run["state"]["name"]) == ("CRASHED", "Crashed")


@pytest.mark.parametrize("state", ACTIVE)
@pytest.mark.parametrize("what", ["alive", "alive on a named host"])
def test_a_run_whose_process_works_goes_on_without_its_worker(
    api: str, pids: dict[str, str], what: str, state: str
) -> None:
    run = run_of(state, pids[what])
    assert end_dead_runs(api, worker_runs=False) == ()
    assert run["state"]["type"] == state


@pytest.mark.parametrize("state", ACTIVE)
def test_a_run_that_a_dead_worker_took_on_has_no_process_and_ends(api: str, state: str) -> None:
    run = run_of(state, "")
    assert end_dead_runs(api, worker_runs=True) == ()  # the worker is about to start it
    (found,) = end_dead_runs(api, worker_runs=False)
    assert found.reason == "its worker ended before the run had a process"
    assert run["state"]["type"] == "CRASHED"


@pytest.mark.parametrize("state", ACTIVE)
def test_a_run_from_a_terminal_without_a_process_id_is_left_alone(api: str, state: str) -> None:
    run = run_of(state, "", deployment_id=None)
    assert end_dead_runs(api, worker_runs=False) == ()
    assert run["state"]["type"] == state


@pytest.mark.parametrize("state", ENDED)
def test_a_run_that_has_ended_or_waits_for_its_time_is_left_alone(
    api: str, pids: dict[str, str], state: str
) -> None:
    run_of(state, pids["ended"])
    assert end_dead_runs(api, worker_runs=False) == ()


def test_hundreds_of_dead_runs_end_at_once(api: str, pids: dict[str, str]) -> None:
    for _ in range(410):
        run_of("RUNNING", pids["ended"])
    alive = run_of("RUNNING", pids["alive"])
    assert len(end_dead_runs(api, worker_runs=False)) == 410
    assert alive["state"]["type"] == "RUNNING"
    assert end_dead_runs(api, worker_runs=False) == ()
