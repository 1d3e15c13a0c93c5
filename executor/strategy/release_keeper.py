"""The release keeper: reads the published release, refuses a bad one, keeps the last good one."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from executor.bus.events import EventType
from executor.model import InstrumentId
from executor.services import Services
from executor.settings import Mode
from executor.strategy.traded import traded_entries
from lake.releases import Release, StrategyEntry, read_current
from trading.errors import ReleaseRefused

log = logging.getLogger(__name__)


def market_datetime(ms: int) -> datetime:
    """Market time as a datetime, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class ReleaseKeeper:
    """Polls the pointer; `lake.releases` verifies everything first."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._root = services.settings.paths.published
        self._seen: tuple[int, int, int] | None = None
        self._problem = ""
        self.current: Release | None = None

    @property
    def entries(self) -> tuple[StrategyEntry, ...]:
        """What the current release trades at the venues of this executor."""
        return tuple(entry for entry, _ in self._traded())

    def _traded(self) -> list[tuple[StrategyEntry, InstrumentId]]:
        return list(traded_entries(self.current, self._services.settings.venues))

    def valid(self) -> bool:
        """Whether its parameters may open positions at this market time."""
        now = market_datetime(self._services.clock.now_ms())
        return self.current is not None and self.current.is_valid("params", now)

    def poll(self) -> Release | None:
        """A new valid release, or None; a refused one is reported once and the last one stays."""
        stamp = stamp_of(self._root / "current")
        if stamp == self._seen and not self._problem:
            return None
        self._seen = stamp
        mode = self._services.settings.mode
        now = market_datetime(self._services.clock.now_ms())
        try:
            allowed = self._services.settings.live.allow_unproven
            found = read_current(self._root, now, mode.value, allowed)
        except ReleaseRefused as error:
            self._refused(str(error))
            return None
        self._problem = ""
        if self.current is not None and found.release_id == self.current.release_id:
            return None
        return found

    def forget(self) -> None:
        """Read the pointer again at the next poll even if it has not changed."""
        self._seen = None

    def _refused(self, reason: str) -> None:
        if reason == self._problem:
            return
        self._problem = reason
        log.error("release refused: %s", reason)
        kept = self.current.release_id if self.current else None
        self._services.emit(EventType.RELEASE_REFUSED, reason=reason, kept=kept)
        self._services.alerts.send("release refused", reason=reason, kept=kept)

    def adopt(self, release: Release) -> str:
        """Make a release the current one; returns the id of its event."""
        before = self.current.release_id if self.current else None
        self.current = release
        event = self._services.emit(
            EventType.RELEASE_CHANGED,
            release_id=release.release_id,
            before=before,
            proven=release.proven,
            strategies=[f"{entry.strategy} {symbol}" for entry, symbol in self._traded()],
        )
        if not release.proven and self._services.settings.mode is not Mode.LIVE:
            log.warning("release %s is unproven", release.release_id)
        return event.id


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever the file is replaced; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
