"""Live data: one snapshot for all viewers, and to each the parts that changed.

A viewer gets the whole snapshot with a number first, then the changed parts with the next numbers.
A viewer that is slow gets the newest state instead of every step; the executor waits for nobody.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dashboard.ledger_reader import LedgerReader
from dashboard.snapshot import open_positions, snapshot, strategies
from lake.ledger_database import LedgerSource

EVERY_S = 0.4


class LiveState:
    """Reads ledger and status while somebody looks, and tells each viewer what changed."""

    def __init__(self, state: Path, ledger: LedgerSource | None = None) -> None:
        self._status_file = state / "status.json"
        self._ledger = LedgerReader(ledger or LedgerSource(str(state / "ledger.sqlite")))
        self._parts: dict[str, Any] = {}
        self._number = 0
        self._changed: dict[str, int] = {}
        self._reading = asyncio.Lock()
        self._read_at = 0.0

    async def current(self) -> dict[str, Any]:
        """Return the newest snapshot with its number."""
        await self._refresh()
        return {"number": self._number, "parts": self._parts}

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the snapshot, then whatever changed since the last message, for ever."""
        first = await self.current()
        seen = first["number"]
        yield first
        while True:
            await asyncio.sleep(EVERY_S)
            await self._refresh()
            changes = {name: self._parts[name] for name, at in self._changed.items() if at > seen}
            seen = self._number
            # An empty message is a sign of life: the page knows that it is not stale.
            yield {"number": seen, "parts": changes}

    async def _refresh(self) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at < EVERY_S / 2:
                return
            parts = await asyncio.to_thread(self._read)
            self._read_at = time.monotonic()
            changed = [name for name, part in parts.items() if self._parts.get(name) != part]
            if changed:
                self._number += 1
                self._parts = parts
                self._changed |= dict.fromkeys(changed, self._number)

    async def controllable(self) -> dict[str, Any]:
        """Return the open positions and the strategies that a command can name."""
        async with self._reading:
            rows, status = await asyncio.to_thread(lambda: (self._ledger.read(), self._status()))
        return {"positions": open_positions(rows), "strategies": strategies(rows, status)}

    def _read(self) -> dict[str, Any]:
        return snapshot(self._ledger.read(), self._status(), time.time())

    def _status(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._status_file.read_bytes())
        except (OSError, ValueError):
            return None
        return found

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()
