"""Alerts that wait to be delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class AlertLevel(IntEnum):
    """How much an alert matters; quiet hours hold back everything but ``CRITICAL``."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class WaitingAlert:
    """One alert that has not been delivered; ``time`` is market time in ms UTC."""

    id: int
    time: int
    title: str
    fields: Mapping[str, str]
    level: AlertLevel = AlertLevel.WARNING


class AlertStore(Protocol):
    """Where alerts wait."""

    def add(
        self,
        time_ms: int,
        title: str,
        fields: Mapping[str, str],
        level: AlertLevel = AlertLevel.WARNING,
        *,
        wanted: bool = True,
    ) -> None:
        """Store an alert; one that is not ``wanted`` is kept and never sent."""
        ...

    def waiting(self, most: int, channel: str = "") -> list[WaitingAlert]:
        """Alerts that ``channel`` has not taken: critical ones first, then the oldest."""
        ...

    def delivered(self, ids: Iterable[int], channel: str, channels: Iterable[str]) -> None:
        """Remember, durably, that a channel took these; all of ``channels`` end the waiting."""
        ...
