"""Ends the runs whose process died with its worker.

Nobody else would: a worker that is killed reports nothing, and its runs would stay "Running" and
hold the concurrency slots of their flows. A run carries the pid of its process on this machine.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_ACTIVE = ("RUNNING", "PENDING", "CANCELLING")
_PAGE = 200
# A process that started later than this after its run's state got the pid of a dead one.
_SLACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class DeadRun:
    """A run that was ended, and why."""

    name: str
    reason: str


def end_dead_runs(api_url: str, *, worker_runs: bool) -> tuple[DeadRun, ...]:
    """End the runs of dead processes as Crashed, which frees their slots; return them.

    ``worker_runs``: whether the worker of this machine is alive; a run that it has taken on may
    have no process yet.
    """
    ended = []
    for run in list(_active_runs(api_url)):
        reason = _cause_of_death(run, worker_runs)
        if reason is not None:
            state = {"type": "CRASHED", "name": "Crashed", "message": reason}
            _post(api_url, f"flow_runs/{run['id']}/set_state", {"state": state, "force": True})
            ended.append(DeadRun(run["name"], reason))
    return tuple(ended)


def command_line(pid: int) -> str:
    """Return the command line of a live process; empty when it ended (a zombie has none)."""
    if Path("/proc/self/cmdline").exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return raw.replace(b"\0", b" ").decode(errors="replace")
    return _ps("command=", pid)


def _active_runs(api_url: str) -> Iterator[dict[str, Any]]:
    states = {"state": {"type": {"any_": list(_ACTIVE)}}}
    for offset in range(0, 1_000_000, _PAGE):
        body = {"flow_runs": states, "limit": _PAGE, "offset": offset}
        page = _post(api_url, "flow_runs/filter", body)
        yield from page
        if len(page) < _PAGE:
            return


def _cause_of_death(run: dict[str, Any], worker_runs: bool) -> str | None:
    """Return why the run has no process, or None if it has one, or may have one."""
    pid = str(run["infrastructure_pid"] or "").rpartition(":")[2]
    if pid.isdigit():
        since = datetime.fromisoformat(run["state"]["timestamp"])
        if _lives(int(pid), since):
            return None
        return f"its process {pid} ended without a report (killed, or the machine restarted)"
    if run["deployment_id"] is None or worker_runs:
        return None
    return "its worker ended before the run had a process"


def _lives(pid: int, since: datetime) -> bool:
    """Check that a Python process with this pid already ran at ``since``."""
    if "python" not in command_line(pid):
        return False
    seconds = _ps("etimes=", pid).strip()
    if not seconds.isdigit():  # this `ps` does not know
        return True
    started = datetime.now(UTC) - timedelta(seconds=int(seconds))
    return started <= since + _SLACK


def _ps(column: str, pid: int) -> str:
    try:
        listing = subprocess.run(
            ["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return listing.stdout


def _post(api_url: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{api_url}/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
