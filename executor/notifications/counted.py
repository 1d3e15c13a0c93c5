"""Alerts sent once, then counted: the twentieth of a kind adds nothing to the first.

A critical alert is only held back when it says the very same within a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from executor.notifications.alert_store import AlertLevel
from executor.notifications.alerts import Alerts
from executor.notifications.catalogue import level_of

QUIET_S = 3_600.0
CRITICAL_QUIET_S = 60.0
NAMING = ("symbol", "venue", "task", "handler", "order", "why", "reason")
"""Fields that make an alert another one than the last of its title."""


@dataclass
class _Said:
    at: float
    more: int = 0


class CountedAlerts:
    """Passes the first alert of a kind on, and its repetitions once an hour with their number."""

    def __init__(self, alerts: Alerts, now_s: Callable[[], float] = time.monotonic) -> None:
        self._alerts = alerts
        self._now_s = now_s
        self._said: dict[tuple[str, ...], _Said] = {}

    def send(self, title: str, **fields: object) -> None:
        """Send, or count; alerts of positions are all sent."""
        if "side" in fields:
            self._alerts.send(title, **fields)
            return
        is_critical = level_of(title) is AlertLevel.CRITICAL
        names = sorted(fields) if is_critical else NAMING
        quiet_s = CRITICAL_QUIET_S if is_critical else QUIET_S
        key = (title, *(str(fields.get(name, "")) for name in names))
        now, last = self._now_s(), self._said.get(key)
        if last is not None and now - last.at < quiet_s:
            last.more += 1
            return
        if last is not None and last.more:
            fields = {**fields, "times before": last.more}
        self._said[key] = _Said(now)
        self._alerts.send(title, **fields)

    @property
    def failing_s(self) -> float:
        """For how long a channel has taken nothing."""
        return self._alerts.failing_s
