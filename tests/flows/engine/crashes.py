"""Ways in which the process of a step ends before the step does; imports little, so it starts fast.

A key names its way; one that begins with ``once`` crashes at its first attempt only.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path


def _by(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def _fault() -> None:
    ctypes.string_at(0)


def _in_a_thread(end: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        thread = threading.Thread(target=end)
        thread.start()
        thread.join()

    return run


def _interrupt() -> None:
    raise KeyboardInterrupt


WAYS: dict[str, tuple[Callable[[], None], str]] = {
    "a read of address 0": (_fault, "ended by SIGSEGV"),
    "a read of address 0 in a thread": (_in_a_thread(_fault), "ended by SIGSEGV"),
    "abort": (os.abort, "ended by SIGABRT"),
    "abort in a thread": (_in_a_thread(os.abort), "ended by SIGABRT"),
    "killed as out of memory": (_by(signal.SIGKILL), "ended by SIGKILL"),
    "terminated": (_by(signal.SIGTERM), "ended by SIGTERM"),
    "a bus error": (_by(signal.SIGBUS), "ended by SIGBUS"),
    "an illegal instruction": (_by(signal.SIGILL), "ended by SIGILL"),
    "a division in C": (_by(signal.SIGFPE), "ended by SIGFPE"),
    "an exit that says all is well": (lambda: os._exit(0), "ended with status 0"),
    "an exit in a thread": (_in_a_thread(lambda: os._exit(3)), "ended with status 3"),
    "sys.exit": (lambda: sys.exit(5), "ended with status 5"),
    "an interrupt": (_interrupt, "ended with status 1"),
}
"""Ways by their name, and what the step's error says of each."""


def work(key: str, folder: Path) -> str:
    """Crash as ``key`` says; return the key otherwise."""
    often, _, way = key.partition(": ")
    mark = folder / way.replace(" ", "-")
    if way and (often == "always" or not mark.exists()):
        mark.touch()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        WAYS[way][0]()
    return key
