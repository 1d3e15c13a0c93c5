"""A fake Discord for tests: it answers as scripted, or as badly as a seed makes it."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATH = "/api/webhooks/1/secret-token-of-the-webhook"
MOODS = ("accept", "accept empty", "limit", "broken", "page", "reset", "accept and reset")


@dataclass
class FakeDiscord:
    """What it was sent, and what it accepted."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    moods: random.Random | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    asked: int = 0

    def numbers(self) -> Counter[int]:
        """How often each alert was accepted, by its number."""
        found: Counter[int] = Counter()
        for text in self.accepted:
            for first, last in re.findall(r"\(#(\d+)(?:–(\d+))?", text):
                found.update(range(int(first), int(last or first) + 1))
        return found


@contextmanager
def fake_discord(seed: int | None = None) -> Iterator[FakeDiscord]:
    """Serve one on the loopback; with a seed each answer is drawn from `MOODS`."""
    fake = FakeDiscord(moods=None if seed is None else random.Random(seed))
    lock = threading.Lock()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                fake.asked += 1
                fake.bodies.append(body | {"path": self.path})
                status, headers, text, cut = self._answer()
                if status < 300:
                    fake.accepted.append(body["content"] if "content" in body else body["message"])
            if cut:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def _answer(self) -> tuple[int, dict[str, str], str, bool]:
            if fake.answers:
                return (*fake.answers.pop(0), False)
            mood = "accept" if fake.moods is None else fake.moods.choice(MOODS)
            limited = json.dumps({"retry_after": 0.01})
            return {
                "accept": (200, {}, '{"id": "1"}', False),
                "accept empty": (204, {}, "", False),
                "limit": (429, {"Via": "1.1 x"}, limited, False),
                "broken": (500, {}, "", False),
                "page": (502, {}, "<html>bad gateway</html>", False),
                "reset": (503, {}, "", True),
                "accept and reset": (200, {}, "", True),
            }[mood]

        def log_message(self, *words: object) -> None:
            del words

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}{PATH}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
