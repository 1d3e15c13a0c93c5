"""The heartbeat: a file and a request while the executor is well; silence is the alarm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from executor.operations.heartbeat import NAME, Heartbeat

PATH = "/secret-path-of-the-check"


@pytest.fixture
def check() -> Iterator[tuple[str, list[str], list[int]]]:
    """An outside check: its address, what was requested, and what it answers next."""
    requested: list[str] = []
    answers: list[int] = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            del words

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requested, answers
    server.shutdown()
    server.server_close()
    thread.join()


async def test_each_beat_writes_the_time_and_requests_the_check(
    tmp_path: Path, check: tuple[str, list[str], list[int]]
) -> None:
    url, requested, _ = check
    before = datetime.now(UTC) - timedelta(seconds=1)
    await Heartbeat(tmp_path, SecretStr(url + PATH)).beat()
    written = datetime.fromisoformat((tmp_path / NAME).read_text().strip())
    assert before <= written <= datetime.now(UTC)
    assert requested == [PATH]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


async def test_without_a_url_only_the_file_is_written(tmp_path: Path) -> None:
    await Heartbeat(tmp_path).beat()
    assert (tmp_path / NAME).exists()


async def test_a_check_that_fails_is_logged_once_without_its_address(
    tmp_path: Path,
    check: tuple[str, list[str], list[int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, requested, answers = check
    heart = Heartbeat(tmp_path, SecretStr(url + PATH))
    answers += [500, 302, 200, 404]
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            await heart.beat()
    assert len(requested) == 4  # a redirection is not followed
    assert [record.getMessage() for record in caplog.records] == [
        "the outside check was not reached: it answers 500",
        "the outside check was not reached: it answers 404",
    ]


async def test_a_check_out_of_reach_stops_nothing_and_its_address_stays_secret(
    tmp_path: Path, check: tuple[str, list[str], list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    url, _, _ = check
    heart = Heartbeat(tmp_path, SecretStr("http://127.0.0.1:1" + PATH))
    with caplog.at_level(logging.WARNING):
        await heart.beat()
    assert "not reached" in caplog.text
    assert PATH not in caplog.text
    assert url not in caplog.text
    assert (tmp_path / NAME).exists()
