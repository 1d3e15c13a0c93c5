"""Alerts to a person: the interface, and alerts that only go to the log.

`executor.notifications.delivery` delivers them.
"""

from __future__ import annotations

import logging
from typing import Protocol

from executor.notifications.alert_store import AlertLevel
from executor.notifications.catalogue import level_of

log = logging.getLogger(__name__)

LOG_LEVELS = {
    AlertLevel.INFO: logging.INFO,
    AlertLevel.WARNING: logging.WARNING,
    AlertLevel.CRITICAL: logging.ERROR,
}


class Alerts(Protocol):
    """Sends messages to a person."""

    def send(self, title: str, **fields: object) -> None:
        """Queue a message; never blocks and never raises."""
        ...

    @property
    def failing_s(self) -> float:
        """For how long a channel has taken nothing although something waits for it."""
        ...


class LogAlerts:
    """Write alerts to the log, each at its own level: an entry is no warning."""

    def send(self, title: str, **fields: object) -> None:
        """Write one log line per alert."""
        level = LOG_LEVELS[level_of(title)]
        log.log(level, "alert: %s", title, extra={"alert": {k: str(v) for k, v in fields.items()}})

    @property
    def failing_s(self) -> float:
        """The log is always there."""
        return 0.0
