"""The executor's status: as it pushes it, or from `status.json` while it pushes nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading.errors import NocturneError

log = logging.getLogger(__name__)

Follow = Callable[[], AsyncGenerator[dict[str, Any], None]]
"""Yields one ``snapshot`` of the status, then its ``changes``, at least one update a second."""
Control = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""Sends a command with its arguments to the executor and returns its answer; may block."""
HEALTH_EVERY_S = 5.0
AGAIN_S = 1.0
"""How soon an executor that does not answer is asked again."""


@dataclass(frozen=True, slots=True)
class StatusReading:
    """The newest status and how old it is."""

    values: Mapping[str, Any] | None
    """None if no executor has run here."""
    age_s: float
    pushed: bool | None
    """Whether the executor pushes it; None if nobody asks it to, or it has not answered yet."""


class ExecutorFeed:
    """Follows the push of one executor, and connects again when it ends."""

    def __init__(
        self, status_file: Path, follow: Follow | None, on_update: Callable[[], None]
    ) -> None:
        self._file = status_file
        self._follow = follow
        self._on_update = on_update
        self._pushed: dict[str, Any] | None = None
        self._lost = False
        self._heard_at = 0.0

    async def run(self) -> None:
        """Follow until cancelled."""
        while self._follow is not None:
            try:
                async with aclosing(self._follow()) as updates:
                    async for update in updates:
                        self._take(update)
            except (NocturneError, ValueError, KeyError) as error:
                log.info("the executor does not push: %s", error)
            except asyncio.CancelledError:
                self._pushed, self._lost = None, False
                raise
            self._pushed, self._lost = None, True
            self._on_update()
            await asyncio.sleep(AGAIN_S)

    def _take(self, update: Mapping[str, Any]) -> None:
        if "snapshot" in update:
            self._pushed = dict(update["snapshot"])
        elif self._pushed is not None:
            self._pushed = self._pushed | update["changes"]
        self._heard_at = time.monotonic()
        self._on_update()

    def read(self) -> StatusReading:
        """Return the newest status."""
        if self._pushed is not None:
            return StatusReading(self._pushed, time.monotonic() - self._heard_at, True)
        pushed = False if self._lost else None
        try:
            found: Any = json.loads(self._file.read_bytes())
            age_s = max(0.0, time.time() - float(found["timestamp"]) / 1000)
        except (OSError, ValueError, KeyError, TypeError):
            return StatusReading(None, 0.0, pushed)
        return StatusReading(found, age_s, pushed)


class HealthWatch:
    """Asks the executor for its checks now and then."""

    def __init__(self, control: Control | None, on_answer: Callable[[], None]) -> None:
        self._control = control
        self._on_answer = on_answer
        # An executor that hangs holds this thread, and none of those that serve pages.
        self._thread = ThreadPoolExecutor(1, "health")
        self.answer: Mapping[str, Any] | None = None
        """The newest checks; None while the executor does not answer."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while self._control is not None:
            try:
                loop = asyncio.get_running_loop()
                self.answer = await loop.run_in_executor(self._thread, self._control, "health", {})
            except NocturneError:
                self.answer = None
            self._on_answer()
            await asyncio.sleep(HEALTH_EVERY_S)

    def close(self) -> None:
        """Ask no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
