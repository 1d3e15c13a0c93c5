"""Alerts that wait to be delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WaitingAlert:
    """One alert that has not been delivered; ``time`` is market time in ms UTC."""

    id: int
    time: int
    title: str
    fields: Mapping[str, str]


class AlertStore(Protocol):
    """Where alerts wait."""

    def add(self, time_ms: int, title: str, fields: Mapping[str, str]) -> None:
        """Store an alert."""
        ...

    def waiting(self, most: int) -> list[WaitingAlert]:
        """The oldest alerts that have not been delivered."""
        ...

    def delivered(self, ids: Iterable[int]) -> None:
        """Remember, durably, that these have arrived."""
        ...
