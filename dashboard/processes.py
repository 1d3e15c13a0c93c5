"""Questions that need much memory: each is answered by a process that ends, and gives it back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from trading.errors import DataError, NocturneError

WITHIN_S = 60.0


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module; no file of the current folder takes its place."""
    return [sys.executable, "-P", "-m", module, *arguments]


def python_environment() -> dict[str, str]:
    """Return the environment in which another Python finds the same modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def answer_of(module: str, question: dict[str, Any]) -> Any:
    """Run a module whose `main` calls `answer`, and return what it answered.

    Raises:
        DataError: it says why it has no answer, it fails, or it takes more than a minute.
    """
    try:
        done = subprocess.run(
            python_command(module),
            input=json.dumps(question),
            stdout=subprocess.PIPE,  # why it failed goes where our own errors go
            text=True,
            timeout=WITHIN_S,
            env=python_environment(),
        )
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"no answer within {WITHIN_S:g} s: the machine is busy; ask again") from (
            error
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{module} failed; `journalctl -u nocturne-dashboard` says why") from error
    if found["fault"]:
        raise DataError(found["fault"])
    return found["answer"]


def answer(work: Callable[[dict[str, Any]], Any]) -> None:
    """Answer the question on standard input by one line on standard output."""
    try:
        found = {"fault": "", "answer": work(json.load(sys.stdin))}
    except NocturneError as error:
        found = {"fault": str(error), "answer": None}
    sys.stdout.write(json.dumps(found, default=str) + "\n")
