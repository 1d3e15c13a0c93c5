"""Hot settings: the risk limits of a running executor, changed whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from executor.bus.events import EventType
from executor.services import Services
from executor.settings import Settings, load_settings
from trading.errors import SettingsError

log = logging.getLogger(__name__)

HOT = frozenset({"risk"})
"""Sections that take effect without a restart."""


def reload_settings(services: Services, file: Path, by: str) -> dict[str, Any]:
    """Read the settings again and take the hot ones over, between two events.

    A file that is not valid, or in which anything else has changed, is refused as a whole; the
    answer and the ledger have the reason.
    """
    try:
        new = load_settings(file)
        _refuse_cold(services.settings, new)
    except SettingsError as error:
        log.error("settings not reloaded: %s", error)
        services.emit(EventType.CONFIG_REFUSED, reason=str(error), by=by)
        services.alerts.send("settings not reloaded", reason=error)
        return {"error": str(error)}
    changes = _changes(services.settings.risk.model_dump(), new.risk.model_dump())
    if changes:
        services.settings = services.settings.model_copy(update={"risk": new.risk})
        services.emit(EventType.CONFIG_CHANGED, changes=changes, by=by)
        services.alerts.send(
            "settings changed", **{name: f"{a} → {b}" for name, (a, b) in changes.items()}
        )
        log.info("settings changed: %s", changes)
    return {"changed": changes}


def _refuse_cold(old: Settings, new: Settings) -> None:
    cold = set(Settings.model_fields) - HOT
    changed = sorted(name for name in cold if getattr(old, name) != getattr(new, name))
    if changed:
        raise SettingsError(
            f"settings: a change of {', '.join(changed)} needs a restart; nothing was changed"
        )


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Old and new value by name."""
    return {
        f"risk.{name}": (str(old[name]), str(new[name])) for name in old if old[name] != new[name]
    }


class SettingsWatch:
    """Sees that the settings file has changed; a change is taken over or refused once."""

    def __init__(self, file: Path, reload: Callable[[str], object]) -> None:
        self._file = file
        self._reload = reload
        self._seen = self._stamp()

    def look(self) -> None:
        """Reload when the file differs from the last look."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._reload("a change of the file")

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
