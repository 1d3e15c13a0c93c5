"""Task 12: test an alert."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.first_hour.terminal import piped
from tests.servers import serving


@contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Serve a webhook that answers with ``status``, and collect what it gets."""
    got: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            del words

    with serving(Hook) as url:
        yield f"{url}/secret-part", got


def test_a_test_alert_arrives(tmp_path: Path) -> None:
    with webhook(204) as (url, got):
        said = piped(["alerts", "test"], tmp_path, NOCTURNE_WEBHOOK_URL=url)
    assert said.status == 0
    assert said.text == "discord: delivered, the server took the test alert\n"
    assert "test alert" in str(got[0]["content"])


def test_the_address_is_read_beside_the_settings(tmp_path: Path) -> None:
    piped(["init", "."], tmp_path)
    with webhook(204) as (url, got):
        keys = tmp_path / "config" / ".env"
        keys.write_text(keys.read_text() + f"NOCTURNE_WEBHOOK_URL={url}\n")
        assert piped(["alerts", "test"], tmp_path).status == 0
    assert len(got) == 1


def test_a_refused_alert_says_why_without_the_address(tmp_path: Path) -> None:
    with webhook(404) as (url, _):
        said = piped(["alerts", "test"], tmp_path, NOCTURNE_WEBHOOK_URL=url)
    assert said.status == 1
    assert "404" in said.errors
    assert "secret-part" not in said.text + said.errors


def test_without_a_channel_the_next_step_is_named(tmp_path: Path) -> None:
    said = piped(["alerts", "test"], tmp_path)
    assert said.status == 2
    assert "NOCTURNE_WEBHOOK_URL" in said.errors
    assert len(said.errors.splitlines()) == 1
