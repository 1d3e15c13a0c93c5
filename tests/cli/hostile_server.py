"""A server that answers every request with the same bytes, none of which an exchange sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler

from tests.servers import serving

ANSWERS = {
    "a page of another server": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>hi</p>",
    "half an answer": b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"serverT',
    "a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "a number": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7",
    "an empty object": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "nothing": b"",
    "noise": b"\x00\xff\x00\r\n\r\n",
    "a failure": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "a ban": b"HTTP/1.1 418 Banned\r\nContent-Length: 0\r\n\r\n",
    "a time that is none": b"HTTP/1.1 403 No\r\nDate: noon\r\nContent-Length: 0\r\n\r\n",
    "a time out of range": b"HTTP/1.1 403 No\r\nDate: Thu, 99 Jan 2026 99:00:00 GMT\r\n"
    b"Content-Length: 0\r\n\r\n",
}

SILENCE = b""
"""As the first bytes of `never_ending`: nothing comes at all."""
HEADERS = b"HTTP/1.1 200 OK\r\nDate: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
NEVER_ENDING = {"silence": SILENCE, "endless headers": HEADERS, "an endless body": BODY}


@contextmanager
def never_ending(first: bytes) -> Iterator[str]:
    """Serve these bytes, then a byte now and then (none after `SILENCE`), and never hang up."""
    over = threading.Event()

    class Door(StreamRequestHandler):
        def handle(self) -> None:
            try:
                self.wfile.write(first)
                while not over.wait(0.02):
                    if first:
                        self.wfile.write(b"7")
            except OSError:
                pass  # the client has had enough

    with serving(Door) as url:
        try:
            yield url
        finally:
            over.set()


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Serve these bytes to every request, then hang up."""

    class Door(StreamRequestHandler):
        timeout = 30

        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with serving(Door) as url:
        yield url
