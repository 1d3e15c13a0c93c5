"""Flow runs as a Prefect server tells them, and a server that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from dashboard.research.flow_runs import flow_runs
from tests.cli.hostile_server import NEVER_ENDING, never_ending
from tests.servers import serving

RUN = {
    "id": "a/b",
    "name": "nightly 2025-06-21",
    "state_type": "COMPLETED",
    "start_time": "2025-06-22T00:00:05.123Z",
    "total_run_time": 61.4,
}


@contextmanager
def server(body: bytes) -> Iterator[str]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200 if self.path == "/api/flow_runs/filter" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            del words

    with serving(Door) as url:
        yield url


def test_a_run_has_its_state_and_a_link_to_its_page() -> None:
    with server(json.dumps([RUN]).encode()) as url:
        found = flow_runs(url)
    assert found == {
        "fault": "",
        "runs": [
            {
                "name": "nightly 2025-06-21",
                "state": "completed",
                "tone": "good",
                "begun": "2025-06-22T00:00:05.123Z",
                "seconds": 61,
                "link": f"{url}/runs/flow-run/a%2Fb",
            }
        ],
    }


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"detail": "no"}'])
def test_an_answer_that_is_none_of_prefects_is_a_fault(body: bytes) -> None:
    with server(body) as url:
        found = flow_runs(url)
    assert found["runs"] == []
    assert url in found["fault"]


def test_a_server_that_does_not_answer_is_a_fault_with_its_remedy() -> None:
    found = flow_runs("http://127.0.0.1:9")
    assert found["fault"].startswith("No Prefect server answers at http://127.0.0.1:9 (")
    assert "make up" in found["fault"]


@pytest.mark.parametrize("first", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_a_server_that_never_comes_to_an_end_holds_no_page(
    monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr("dashboard.research.flow_runs.ANSWER_WITHIN_S", 0.3)
    with never_ending(first) as url:
        found = flow_runs(url)
    assert "no whole answer within 0.3 s" in found["fault"]
