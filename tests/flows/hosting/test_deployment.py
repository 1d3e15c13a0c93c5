"""A real Prefect server, worker and deployments: some versions schedule nothing, silently."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.hosting import background, server_process
from flows.hosting.background import BackgroundProcess
from flows.hosting.declared import deployments
from flows.settings import FILE_VARIABLE
from lake.releases import read_current
from tests.flows.sample import AS_OF, PROJECT, write_sample, write_settings
from tests.waiting import until
from trading.errors import SettingsError

DEADLINE_S = 60.0
# Server, worker and eleven deployments take 20 s on an idle machine, minutes on a busy one.
pytestmark = pytest.mark.timeout(300)


def ask(api_url: str, path: str, body: dict[str, Any]) -> Any:
    """POST ``body`` and read the JSON response; retry while the server is too busy."""
    request = urllib.request.Request(
        f"{api_url}/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )

    def asked() -> tuple[Any] | None:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
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


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, BackgroundProcess]]:
    """Start everything that `make up` starts, in a home of its own on a free port."""
    folder = tmp_path_factory.mktemp("up")
    server_process.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE_VARIABLE, str(write_settings(folder)))
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


@pytest.mark.slow
def test_every_declared_schedule_has_scheduled_runs(up: tuple[Path, BackgroundProcess]) -> None:
    _, server = up
    scheduled = {"nightly", "retune-k", "scan", "export-ledger"}

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
    assert background.up(folder / "prefect", server.port) == 0
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
        "export-ledger": 1,
        "download": 1,
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_deployed_nightly_completes_on_the_sample(up: tuple[Path, BackgroundProcess]) -> None:
    folder, server = up
    write_sample(folder / "sample")
    nightly = next(
        entry
        for entry in ask(server.api_url, "deployments/filter", {})
        if entry["name"] == "nightly"
    )
    run = ask(
        server.api_url,
        f"deployments/{nightly['id']}/create_flow_run",
        {
            "idempotency_key": "the only one",
            "parameters": {
                "as_of": AS_OF.isoformat(),
                "lake": str(folder / "lake"),
                "sample": str(folder / "sample"),
                "symbols": ["BTCUSDT", "DOGEUSDT"],
            },
        },
    )

    def final_state() -> dict[str, Any] | None:
        wanted = {"flow_runs": {"id": {"any_": [run["id"]]}}}
        state: dict[str, Any] = ask(server.api_url, "flow_runs/filter", wanted)[0]["state"]
        final = state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        return state if final else None

    state = wait_for("end of the nightly", final_state, 240.0)
    assert state["type"] == "COMPLETED", state
    release = read_current(folder / "lake" / "published", AS_OF)
    assert release.flow_run.id == run["id"]
    assert state["message"].startswith(f"release {release.release_id}")
    assert state["message"].endswith("not complete for DOGEUSDT")
    notes = ask(server.api_url, "artifacts/filter", {"artifacts": {"key": {"any_": ["nightly"]}}})
    assert "| DOGEUSDT | no candles of DOGEUSDT" in notes[0]["data"]


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
        "2-59/15 * * * *",
        "5 */4 * * *",
        "*/15 * * * *",
        "10 * * * *",
    }
    assert all(s["timezone"] == "UTC" and s["slug"] for s in schedules)
    assert "pull" not in content
    assert all(d["concurrency_limit"]["limit"] == 1 for d in content["deployments"])
