"""Child processes of the demo: none outlives it, however it ends."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from trading.errors import NocturneError

PROJECT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 20.0
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the demo dies (Linux; elsewhere a no-op)."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):
        return


def run_to_end(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command with its output on the terminal; return its exit status."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        cwd=PROJECT,
        preexec_fn=_die_with_parent,
    )
    try:
        return process.wait()
    except BaseException:
        # Every step of a flow may be killed and repeated; a graceful end waits for its threads.
        process.kill()
        process.wait()
        raise


@contextmanager
def running(
    command: Sequence[str], variables: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[str]]:
    """Run a process in the background, its errors in ``log``, until the block ends."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=_die_with_parent,
        )
    try:
        yield process
    finally:
        stop(process)


def first_line(process: subprocess.Popen[str], name: str, log: Path, timeout_s: float) -> str:
    """Return the first line that ``process`` prints; `NocturneError` if none comes in time."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        line = lines.get(timeout=timeout_s).strip()
    except queue.Empty:
        line = ""
    if not line:
        raise NocturneError(f"demo: {name} did not start within {timeout_s:.0f} s; see {log}")
    return line


def wait(process: subprocess.Popen[str], timeout_s: float) -> int | None:
    """Return the exit status, or None if the process still runs after ``timeout_s`` seconds."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, then SIGKILL if the process ignores it."""
    if process.poll() is not None:
        return
    process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    try:
        process.wait(deadline - time.monotonic())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
