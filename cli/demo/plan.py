"""The paths and the day of a demo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

REPLAYED_DAY = datetime(2025, 6, 22, tzinfo=UTC)
"""A day on which the bundled data hold several entries, stops, targets and strategy exits."""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Where a demo reads and writes, and which day it trades."""

    work: Path
    sample: Path
    begin: datetime = REPLAYED_DAY
    end: datetime = REPLAYED_DAY + timedelta(days=1)

    @property
    def lake(self) -> Path:
        """Root of the demo's lake."""
        return self.work / "lake"

    @property
    def candles(self) -> Path:
        """Folder of one-minute candles that the sandbox replays."""
        return self.sample / "candles_1m" / "usdm"
