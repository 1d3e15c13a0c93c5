"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(what: str, condition: Callable[[], T], deadline_s: float, every_s: float = 0.02) -> T:
    """The first true answer of ``condition``; fails by ``AssertionError`` when none comes."""
    pause = threading.Event()
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"no {what} within {deadline_s:g} s"
        pause.wait(every_s)
    return answer
