"""Viewers of the dashboard in one thin process: each has a live page, and draws nothing.

    python benchmarks/_viewers.py ADDRESS PAGE

The password is the first line of its input. A number is then a request for so many viewers; it is
answered by the same number when each of them has its first message, and none but them is left.
"""

from __future__ import annotations

import asyncio
import http.client
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

DEADLINE_S = 60.0
NOTICED_S = 1.5
"""How long the dashboard takes to see that a viewer is gone, and to rest."""


class ThinViewers:
    """The process seen from the one that measures."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def be(self, count: int) -> None:
        """Have so many viewers watch, and return once they do."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == f"{count}\n", "the viewers have failed"


@contextmanager
def thin_viewers(address: str, page: str, password: str) -> Iterator[ThinViewers]:
    """Start the process; it ends with the block."""
    command = [sys.executable, str(Path(__file__)), address, page]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(f"{password}\n")
        try:
            yield ThinViewers(process)
        finally:
            process.stdin.close()
            process.wait(timeout=DEADLINE_S)


def _login(address: str, password: str) -> str:
    """Return the cookie of a new session."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=DEADLINE_S)
    headers = {"Origin": address, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", urlencode({"password": password}), headers)
    cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]
    connection.close()
    return str(cookie)


async def _read(viewer: ClientConnection) -> None:
    async for _ in viewer:
        pass


async def _watch(address: str, page: str, cookies: list[str]) -> None:
    """Watch with as many viewers as each line of the input says."""
    loop = asyncio.get_running_loop()
    place = f"{address.replace('http', 'ws', 1)}/live/{page}"
    viewers: list[tuple[ClientConnection, asyncio.Task[None]]] = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        for viewer, reading in viewers:
            viewer.transport.abort()  # as a tab that is closed
            await asyncio.gather(reading, return_exceptions=True)
        if viewers:
            await asyncio.sleep(NOTICED_S)
        viewers = []
        for cookie in cookies[: int(line)]:
            given = {"Cookie": cookie}
            viewer = await connect(
                place, origin=Origin(address), additional_headers=given, max_size=None
            )
            async with asyncio.timeout(DEADLINE_S):
                await viewer.recv()
            viewers.append((viewer, asyncio.create_task(_read(viewer))))
        print(line, end="", flush=True)


def main() -> None:
    """Log in five times, then do as the input says."""
    address, page = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    asyncio.run(_watch(address, page, [_login(address, password) for _ in range(5)]))


if __name__ == "__main__":
    main()
