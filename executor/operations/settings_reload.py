"""Hot settings: what a running executor takes over, changed whole or not at all."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from executor.bus.events import EventType
from executor.services import Services
from executor.settings import Settings, load_settings, read_changed, read_overrides, write_changed
from trading.errors import SettingsError

log = logging.getLogger(__name__)

HOT = (
    "risk.*",
    "protection.*",
    "strategies.*",
    "forecasts.*",
    "venues.*.leverage",
    "venues.*.max_leverage",
    "venues.*.convert_dust",
)
"""Names of the settings that take effect without a restart."""
POLL_S = 2.0
SETTLE_MS = 200
"""An editor writes a file in several steps: they are one change."""


def reload_settings(
    services: Services, file: Path, by: str, changed: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Read the settings again and take the hot ones over, between two events.

    ``changed`` replaces the settings that were changed by command, and is kept if it is taken over.
    A file that is not valid, or in which anything else has changed, is refused as a whole; the
    answer and the ledger have the reason.
    """
    try:
        new = load_settings(file, changed=changed)
        changes = _changes(services.settings, new)
        _refuse_cold(changes)
        if changed is not None:
            write_changed(new.paths.state, changed)
    except SettingsError as error:
        return _refused(services, str(error), by)
    except Exception as error:
        # Whatever a file holds, the positions stay guarded.
        log.exception("settings not read")
        return _refused(services, f"{type(error).__name__}: {error}", by)
    if changes:
        services.settings = new
        services.emit(EventType.CONFIG_CHANGED, changes=changes, by=by)
        services.alerts.send(
            "settings changed", **{name: f"{a} → {b}" for name, (a, b) in changes.items()}
        )
        log.info("settings changed: %s", changes)
    return {"changed": changes}


def with_change(settings: Settings, file: Path, name: str, text: str) -> dict[str, str]:
    """Return the settings changed by command, with one more.

    Raises:
        SettingsError: the name is not one of a hot setting, or the environment sets it.
    """
    if not _is_hot(name):
        raise SettingsError(
            f"{name!r} cannot change while the executor runs; change it in {file} and restart"
        )
    if name in read_overrides(file):
        raise SettingsError(f"the environment or .env sets {name}, and wins; change it there")
    now = _flat(settings.model_dump()).get(name)
    if isinstance(now, tuple) and not text.lstrip().startswith("["):
        text = json.dumps([part.strip() for part in text.split(",") if part.strip()])
    return {**read_changed(settings.paths.state), name: text.strip()}


def without_change(settings: Settings, name: str) -> dict[str, str]:
    """Return the settings changed by command, without one.

    Raises:
        SettingsError: it was not changed by command.
    """
    changed = read_changed(settings.paths.state)
    if name not in changed:
        known = ", ".join(changed) or "none"
        raise SettingsError(f"{name!r} was not changed by command; changed: {known}")
    return {known: text for known, text in changed.items() if known != name}


def hot_settings(settings: Settings) -> dict[str, str]:
    """Return the settings that `reload_settings` takes over, by dotted name, as they hold now."""
    flat = _flat(settings.model_dump())
    return {name: _text(value) for name, value in sorted(flat.items()) if _is_hot(name)}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _is_hot(name: str) -> bool:
    return any(fnmatch.fnmatch(name, hot) for hot in HOT)


def _refused(services: Services, reason: str, by: str) -> dict[str, Any]:
    log.error("settings not reloaded: %s", reason)
    services.emit(EventType.CONFIG_REFUSED, reason=reason, by=by)
    services.alerts.send("settings not reloaded", reason=reason)
    return {"error": reason}


def _refuse_cold(changes: Mapping[str, object]) -> None:
    cold = [name for name in changes if not _is_hot(name)]
    if cold:
        raise SettingsError(
            f"settings: a change of {', '.join(cold)} needs a restart; nothing was changed"
        )


def _changes(old: Settings, new: Settings) -> dict[str, tuple[str, str]]:
    """Old and new value by dotted name; a value that is not there is ``none``."""
    before, after = _flat(old.model_dump()), _flat(new.model_dump())
    return {
        name: (str(before.get(name, "none")), str(after.get(name, "none")))
        for name in sorted({*before, *after})
        if before.get(name, "none") != after.get(name, "none")
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


class SettingsWatch:
    """Sees that the settings file or `.env` has changed; a change is taken or refused once."""

    def __init__(self, file: Path, reload: Callable[[str], object]) -> None:
        self._files = (file, file.resolve().parent / ".env")
        self._reload = reload
        self._seen = self._stamps()

    async def run(self) -> None:
        """Watch until cancelled; where the system cannot, look every two seconds."""
        # Imported on use: commands other than `run` do not watch.
        from watchfiles import awatch

        folders = {str(file.resolve().parent) for file in self._files}
        try:
            async for _ in awatch(*folders, recursive=False, debounce=SETTLE_MS, step=50):
                self.look()
        except Exception as error:
            # Also a group of errors, from the library's own tasks.
            log.warning("settings are looked at every %.0f s: %s", POLL_S, error)
        while True:
            await asyncio.sleep(POLL_S)
            self.look()

    def look(self) -> None:
        """Reload when a file differs from the last look; a failure is logged, never raised."""
        stamps = self._stamps()
        changed = [
            file.name
            for file, new, old in zip(self._files, stamps, self._seen, strict=True)
            if new != old
        ]
        self._seen = stamps
        if changed:
            try:
                self._reload(f"a change of {' and '.join(changed)}")
            except Exception:
                # The executor ends with this loop, and protection with the executor.
                log.exception("settings not reloaded")

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_stamp, self._files))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
