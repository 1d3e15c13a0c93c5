"""The paths and the day of a demo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trading.errors import SettingsError

REPLAYED_DAY = datetime(2025, 6, 22, tzinfo=UTC)
"""A day on which the bundled data hold several entries, stops, targets and strategy exits."""

SAMPLE = Path(__file__).resolve().parents[2] / "data_lake" / "sample"
"""The bundled market data."""

FUTURES, SPOT = "binance_usdm", "binance_spot"


def chosen_venues(text: str) -> tuple[str, ...]:
    """The venues of a list; `SettingsError` for one that the sandbox does not serve."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in (FUTURES, SPOT)]
    if unknown or FUTURES not in names:
        raise SettingsError(
            f"--venues {text!r}: give {FUTURES}, alone or with {SPOT}; the demo's release is"
            f" searched on {FUTURES}"
        )
    return names


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Where a demo reads and writes, and which day it trades."""

    work: Path
    sample: Path
    begin: datetime = REPLAYED_DAY
    end: datetime = REPLAYED_DAY + timedelta(days=1)
    venues: tuple[str, ...] = (FUTURES,)

    @property
    def lake(self) -> Path:
        """Root of the demo's lake."""
        return self.work / "lake"

    def replay_folder(self, release_id: str) -> Path:
        """Where the replay of a release keeps its ledgers: one for each choice of venues."""
        more = [venue for venue in self.venues if venue != FUTURES]
        return self.work / "replays" / "+".join([release_id, *more])

    @property
    def candles(self) -> Path:
        """Folder of one-minute candles that the sandbox replays."""
        return self.sample / "candles_1m" / "usdm"
