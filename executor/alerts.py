"""Alerts: a port with one implementation for now, the log."""

from __future__ import annotations

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Alerts(Protocol):
    """Where a person is told."""

    def send(self, title: str, **fields: object) -> None:
        """Queue a message; never blocks and never raises."""
        ...


class LogAlerts:
    """Write alerts to the log at warning level."""

    def send(self, title: str, **fields: object) -> None:
        """One log line an alert."""
        log.warning("alert: %s", title, extra={"alert": {k: str(v) for k, v in fields.items()}})
