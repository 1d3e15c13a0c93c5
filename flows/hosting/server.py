"""One Prefect server in this process, on the loopback interface, that never outlives its use.

``python -m flows.hosting.server --home DIR --port N [--with-parent]`` serves the API and the user
interface until it is stopped. With ``--with-parent`` the server also stops when standard input
closes. The pipe closes when the parent process ends, however it ends, so a killed run leaves no
server behind.

A home holds one SQLite database, and two servers would fight over its lock; the second one is
refused. `prefect server start` has neither the leash nor this lock.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO

LOCK_NAME = "server.lock"
# The server of a killed run notices the closed pipe and stops within a second or two.
LOCK_WAIT_S = 20.0
EXIT_HOME_IN_USE = 3


def take_home(home: Path, wait_s: float) -> IO[str] | None:
    """Lock ``home`` for this process.

    Returns None when another server still has it after ``wait_s`` seconds.
    """
    home.mkdir(parents=True, exist_ok=True)
    handle = (home / LOCK_NAME).open("w")
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                handle.close()
                return None
            threading.Event().wait(0.1)
        else:
            return handle


def serve(home: Path, port: int, *, with_parent: bool) -> int:
    """Serve until stopped; return the exit code."""
    lock = take_home(home, LOCK_WAIT_S)
    if lock is None:
        print(f"another Prefect server uses {home}", file=sys.stderr)
        return EXIT_HOME_IN_USE
    os.environ["PREFECT_HOME"] = str(home)
    name_address(f"http://127.0.0.1:{port}")
    import uvicorn
    from prefect.server.api.server import create_app

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(final=True),
            host="127.0.0.1",
            port=port,
            timeout_keep_alive=5,
            # An open tab of the user interface never closes its connections.
            timeout_graceful_shutdown=2,
            log_level="warning",
        )
    )
    if with_parent:
        threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
    server.run()
    lock.close()
    return 0 if server.started else 1


def name_address(url: str) -> None:
    """Tell the user interface where this server is, unless the user says so (behind a proxy).

    Prefect would name its default port, or the server of the user's profile.
    """
    for names, value in (
        (("PREFECT_UI_API_URL", "PREFECT_SERVER_UI_API_URL"), f"{url}/api"),
        (("PREFECT_UI_URL",), url),
    ):
        if not any(name in os.environ for name in names):
            os.environ[names[0]] = value


def _stop_with_parent(server: object) -> None:
    """End the server when standard input closes; end the process if it was still starting."""
    sys.stdin.buffer.read()
    if not getattr(server, "started", False):
        os._exit(0)
    server.should_exit = True  # type: ignore[attr-defined]


def main() -> int:
    """Run the command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true")
    options = parser.parse_args()
    return serve(options.home.resolve(), options.port, with_parent=options.with_parent)


if __name__ == "__main__":
    raise SystemExit(main())
