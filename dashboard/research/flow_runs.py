"""The newest flow runs, as Prefect's server tells them."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from dashboard.research.bounded_http import ask

ANSWER_WITHIN_S = 2.0
MOST_RUNS = 20
OK = 200
TONES = {"COMPLETED": "good", "FAILED": "bad", "CRASHED": "bad", "RUNNING": "warn"}


def flow_runs(server: str) -> dict[str, Any]:
    """Return the runs, newest first; ``fault`` says why there are none.

    ``server`` is the address of Prefect without ``/api``.
    """
    wanted = {"sort": "EXPECTED_START_TIME_DESC", "limit": MOST_RUNS, **STARTED}
    address = f"{server}/api/flow_runs/filter"
    try:
        answer = ask(address, ANSWER_WITHIN_S, json.dumps(wanted).encode())
        if answer.status != OK:
            raise ValueError(f"status {answer.status}")
        found = json.loads(answer.body)
        return {"fault": "", "runs": [_run(server, one) for one in found]}
    except (OSError, ValueError, HTTPException, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or error
        fault = f"No Prefect server answers at {server} ({reason}): run `make up`."
        return {"fault": fault, "runs": []}


STARTED = {"flow_runs": {"start_time": {"is_null_": False}}}


def _run(server: str, run: dict[str, Any]) -> dict[str, Any]:
    state = str(run.get("state_type") or "unknown")
    return {
        "name": str(run["name"]),
        "state": state.lower().replace("_", " "),
        "tone": TONES.get(state, ""),
        "begun": str(run.get("start_time") or ""),
        "seconds": round(float(run.get("total_run_time") or 0.0)),
        "link": run_link(server, str(run["id"])),
    }


def run_link(server: str, run_id: str) -> str:
    """Return the address of a run's page."""
    return f"{server}/runs/flow-run/{quote(run_id, safe='')}"
