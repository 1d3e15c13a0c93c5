"""A real Prefect server, worker and deployments: some versions schedule nothing, silently."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from flows.hosting import background, server_process
from flows.hosting.background import BackgroundProcess
from flows.hosting.dead_runs import command_line, end_dead_runs
from flows.hosting.declared import deployments
from flows.settings import FILE_VARIABLE
from lake.releases import read_current
from tests.flows.sample import AS_OF, PROJECT, write_sample, write_settings
from tests.waiting import until
from trading.errors import SettingsError

DEADLINE_S = 120.0
# Server, worker and eleven deployments take 20 s on an idle machine, minutes on a busy one.
pytestmark = pytest.mark.timeout(600)


def ask(api_url: str, path: str, body: dict[str, Any]) -> Any:
    """POST ``body`` and read the JSON response; retry while the server is too busy.

    A request is given up late: a server that shares its cores with another test's nightly may
    think for longer than ten seconds.
    """
    request = urllib.request.Request(
        f"{api_url}/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )

    def asked() -> tuple[Any] | None:
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return (json.load(answer),)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            error.close()
            return None

    (found,) = until(f"answer to {path}", asked, DEADLINE_S, every_s=0.5)
    return found


def wait_for(what: str, condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Return the first true result of ``condition``."""
    return until(what, condition, deadline_s, every_s=0.2)


class AlertReceiver(BaseHTTPRequestHandler):
    """Takes the alerts that the Prefect server posts."""

    received: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Keep the text of one alert."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert body["content"] == body["text"]
        self.received.append(body["content"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def alert_url() -> Iterator[str]:
    """Receive alerts; yields the address for `alert_url`."""
    with ThreadingHTTPServer((server_process.HOST, 0), AlertReceiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield f"http://{server_process.HOST}:{receiver.server_port}/alerts"
        receiver.shutdown()


@pytest.fixture(scope="module")
def up(
    tmp_path_factory: pytest.TempPathFactory, alert_url: str
) -> Iterator[tuple[Path, BackgroundProcess]]:
    """Start everything that `make up` starts, in a home of its own on a free port."""
    folder = tmp_path_factory.mktemp("up")
    server_process.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE_VARIABLE, str(write_settings(folder)))
        patch.setenv("NOCTURNE_RESEARCH_ALERT_URL", alert_url)
        patch.setenv("PREFECT_WORKER_QUERY_SECONDS", "1")
        home = folder / "prefect"
        try:
            assert background.up(home, server_process.free_port()) == 0
            member = background.running(home, "server")
            assert member is not None
            yield folder, member
        finally:
            background.down(home)
            assert background.running(home, "server") is None
            assert background.running(home, "worker") is None


def start_nightly(server: BackgroundProcess, folder: Path, symbols: list[str]) -> Any:
    """Ask the deployed nightly for a run over the sample in ``folder``."""
    found = ask(server.api_url, "deployments/filter", {})
    nightly = next(entry for entry in found if entry["name"] == "nightly")
    parameters = {
        "as_of": AS_OF.isoformat(),
        "lake": str(folder / "lake"),
        "sample": str(folder / "sample"),
        "symbols": symbols,
    }
    body = {"idempotency_key": str(folder), "parameters": parameters}
    return ask(server.api_url, f"deployments/{nightly['id']}/create_flow_run", body)


def run_of(server: BackgroundProcess, run_id: str) -> dict[str, Any]:
    """Read a flow run."""
    wanted = {"flow_runs": {"id": {"any_": [run_id]}}}
    found: dict[str, Any] = ask(server.api_url, "flow_runs/filter", wanted)[0]
    return found


@pytest.mark.slow
def test_the_user_interface_asks_the_api_on_its_own_port(
    up: tuple[Path, BackgroundProcess],
) -> None:
    _, server = up
    with urllib.request.urlopen(f"{server.ui_url}/ui-settings", timeout=DEADLINE_S) as answer:
        assert json.load(answer)["api_url"] == server.api_url


@pytest.mark.slow
def test_every_declared_schedule_has_scheduled_runs(up: tuple[Path, BackgroundProcess]) -> None:
    _, server = up
    scheduled = {"nightly", "retune-k", "scan", "signals", "export-ledger"}

    def all_scheduled() -> bool:
        runs = ask(server.api_url, "flow_runs/filter", {"limit": 200})
        found = ask(server.api_url, "deployments/filter", {})
        names = {entry["id"]: entry["name"] for entry in found}
        return scheduled <= {
            names[run["deployment_id"]] for run in runs if run["state"]["type"] == "SCHEDULED"
        }

    wait_for("scheduled run of every schedule", all_scheduled)


@pytest.mark.slow
def test_a_second_up_keeps_the_processes_and_duplicates_no_schedule(
    up: tuple[Path, BackgroundProcess], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, server = up
    alerts = ask(server.api_url, "automations/filter", {})
    assert background.up(folder / "prefect", server.port) == 0
    assert ask(server.api_url, "automations/filter", {}) == alerts
    assert {entry["name"].partition(": ")[2]: entry["trigger"]["within"] for entry in alerts} == {
        "no completed nightly in 26 hours": 26 * 3600,
        "failed or crashed run": 0,
        "late run": 0,
    }
    assert f"Prefect is up: http://127.0.0.1:{server.port}" in capsys.readouterr().out
    assert background.running(folder / "prefect", "server") == server
    found = ask(server.api_url, "deployments/filter", {})
    assert sorted(entry["name"] for entry in found) == sorted(
        entry["name"] for entry in deployments()
    )
    assert {entry["name"]: len(entry["schedules"]) for entry in found if entry["schedules"]} == {
        "nightly": 1,
        "retune-k": 1,
        "scan": 1,
        "signals": 1,
        "export-ledger": 1,
        "download": 1,
        "parity": 1,
        "weekly-report": 1,
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_deployed_nightly_completes_on_the_sample(up: tuple[Path, BackgroundProcess]) -> None:
    folder, server = up
    write_sample(folder / "sample")
    run = start_nightly(server, folder, ["BTCUSDT", "DOGEUSDT"])

    def ended() -> dict[str, Any] | None:
        found = run_of(server, run["id"])
        final = found["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        return found if final else None

    final = wait_for("end of the nightly", ended, 240.0)
    state = final["state"]
    assert (state["type"], state["name"]) == ("COMPLETED", "LeftOut"), state
    assert final["name"] == f"nightly {AS_OF - timedelta(days=1):%Y-%m-%d}"
    assert set(final["tags"]) == {"nightly", "binance_usdm", "left-out"}
    release = read_current(folder / "lake" / "published", AS_OF)
    assert release.flow_run.id == run["id"]
    assert release.flow_run.name == final["name"]
    assert state["message"].startswith(f"Completed, 1 left out: release {release.release_id}")
    assert state["message"].endswith("not complete for DOGEUSDT")
    artifacts = {
        entry["key"]: entry
        for entry in ask(
            server.api_url,
            "artifacts/filter",
            {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}},
        )
        if entry["key"].startswith("nightly")
    }
    assert all(entry["description"].startswith("### ") for entry in artifacts.values())
    assert "| DOGEUSDT | no candles of DOGEUSDT" in artifacts["nightly"]["data"]
    (row,) = json.loads(artifacts["nightly-release"]["data"])
    assert (row["strategy"], row["symbol"]) == ("breakout", "BTCUSDT")
    assert row["state"] in ("proven", "unproven")
    assert artifacts["nightly-report"]["type"] == "markdown"
    assert (folder / "lake").as_uri() in artifacts["nightly-report"]["data"]


@pytest.mark.slow
def test_a_run_from_the_command_line_is_named_and_tagged_as_a_deployed_one(
    up: tuple[Path, BackgroundProcess], tmp_path: Path
) -> None:
    _, server = up
    options = ["--as-of", "2025-06-19T08:20Z", "--lake", str(tmp_path / "lake")]
    options += ["--server", server.ui_url]
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", "flow", "scan", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = ask(
        server.api_url, "flow_runs/filter", {"flow_runs": {"name": {"any_": ["scan 08:15"]}}}
    )
    # The deployed scan runs every quarter of an hour, under the same name at 08:15.
    (run,) = [entry for entry in found if entry["deployment_id"] is None]
    assert set(run["tags"]) == {"scan", "binance_usdm"}
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "Completed")


@pytest.mark.slow
def test_the_runs_of_a_killed_worker_end_as_crashed_and_free_their_slots(
    up: tuple[Path, BackgroundProcess], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, server = up
    write_sample(tmp_path / "sample")
    run = start_nightly(server, tmp_path, ["BTCUSDT"])

    def started() -> dict[str, Any] | None:
        found = run_of(server, run["id"])
        # The run names itself a moment after it has begun.
        named = found["name"] == "nightly 2025-06-18"
        running = found["state"]["type"] == "RUNNING" and found["infrastructure_pid"]
        return found if running and named else None

    # The schedules are alive: a scan may hold the slot of its own deployment at any quarter hour.
    limit = f"deployment:{run['deployment_id']}"

    def slots_taken() -> int:
        found = ask(server.api_url, "v2/concurrency_limits/filter", {})
        (slots,) = [entry["active_slots"] for entry in found if entry["name"] == limit]
        return int(slots)

    pid = int(wait_for("start of the nightly", started)["infrastructure_pid"])
    worker = background.running(folder / "prefect", "worker")
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    wait_for("end of the worker", lambda: background.running(folder / "prefect", "worker") is None)
    assert end_dead_runs(server.api_url, worker_runs=False) == ()  # its process still works
    os.kill(pid, signal.SIGKILL)
    wait_for("end of the flow's process", lambda: not command_line(pid))
    assert slots_taken() == 1
    assert background.up(folder / "prefect", server.port) == 0
    state = run_of(server, run["id"])["state"]
    assert state["type"] == "CRASHED"
    assert f"its process {pid} ended without a report" in state["message"]
    assert f"ended as Crashed: nightly 2025-06-18: {state['message']}" in capsys.readouterr().out
    wait_for("free slot", lambda: slots_taken() == 0)
    expected = f"Nocturne: nightly 2025-06-18 is Crashed: {state['message']}"
    wait_for("alert of the crash", lambda: expected in AlertReceiver.received)


def test_a_busy_port_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((server_process.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port} on 127.0.0.1 is in use.*--port"):
            background.up(tmp_path, port)
    assert background.running(tmp_path, "server") is None


def test_a_pid_reused_by_another_program_is_not_ours(tmp_path: Path) -> None:
    stranger = json.dumps({"role": "server", "pid": 1, "port": 4200})
    (tmp_path / "server.pid.json").write_text(stranger)
    assert background.running(tmp_path, "server") is None
    assert background.down(tmp_path) == 0


def test_the_committed_schedules_are_in_utc_and_name_no_machine_path() -> None:
    text = (PROJECT / "prefect.yaml").read_text()
    content = yaml.safe_load(text)
    schedules = [s for d in content["deployments"] for s in d.get("schedules", ())]
    assert {s["cron"] for s in schedules} == {
        "15 0 * * *",
        "8 0 * * *",
        "1-59/15 * * * *",
        "2-59/15 * * * *",
        "5 */4 * * *",
        "*/15 * * * *",
        "10 * * * *",
        "0 6 * * 1",
    }
    assert all(s["timezone"] == "UTC" and s["slug"] for s in schedules)
    assert "pull" not in content
    assert all(d["concurrency_limit"]["limit"] == 1 for d in content["deployments"])
