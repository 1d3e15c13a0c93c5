"""An HTTP answer within a time, whatever the server does: some hang, some send a byte at a time.

The timeouts of the standard library bound the wait for each byte, not for the whole answer.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers and body of an answer."""

    status: int
    headers: Message
    body: bytes


def ask(url: str, within_s: float, body: bytes | None = None) -> HttpAnswer:
    """Get ``url``, or post JSON to it; redirections are not followed.

    Raises:
        TimeoutError: the whole answer was not there in time.
        OSError: the server cannot be reached, or hangs up.
        HTTPException: what it sends is not HTTP.
        ValueError: ``url`` is none, or the answer has more than 4 MiB.
    """
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or place.hostname is None:
        raise ValueError(f"{url!r} is no address; it begins with http:// or https://")
    kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
    connection = kind(place.hostname, place.port, timeout=within_s)
    end = time.monotonic() + within_s
    late = threading.Event()
    try:
        connection.connect()
        connection.sock.settimeout(2 * within_s)  # from here on the timer is what ends it
        timer = threading.Timer(max(0.0, end - time.monotonic()), _cut, (connection.sock, late))
        timer.daemon = True
        timer.start()
        try:
            found = _answer(
                connection, place.path + (f"?{place.query}" if place.query else ""), body
            )
        finally:
            timer.cancel()
            if late.is_set():
                raise TimeoutError(f"no whole answer within {within_s:g} s")
    finally:
        connection.close()
    return found


def _answer(connection: HTTPConnection, path: str, body: bytes | None) -> HttpAnswer:
    headers = {"content-type": "application/json"} if body is not None else {}
    connection.request("GET" if body is None else "POST", path or "/", body, headers)
    answer = connection.getresponse()
    text = answer.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"an answer of more than {LARGEST // 1024**2} MiB")
    return HttpAnswer(answer.status, answer.headers, text)


def _cut(sock: socket.socket, late: threading.Event) -> None:
    """End the connection under whoever reads it."""
    late.set()
    with suppress(OSError):  # it has ended by itself
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
