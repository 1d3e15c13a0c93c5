"""Known outages and delistings of the venues, read from ``config/known_events.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from trading.candles import MINUTE_MS
from trading.errors import SettingsError

Cause = Literal["maintenance", "delisted", "source", "unknown"]


class KnownEvent(BaseModel, frozen=True, extra="forbid"):
    """A stretch of minutes that is missing or has no trade, and why.

    ``symbol`` ``"*"`` means every symbol of the venue. ``first`` is the first minute (UTC),
    ``minutes`` the largest number that it explains; a delisting has no end. ``keep`` says whether
    minutes without a trade stay in the checked table.
    """

    venue: str
    symbol: str
    cause: Literal["maintenance", "delisted", "source"]
    first: datetime
    minutes: int | None = Field(default=None, gt=0)
    keep: bool = True
    reason: str
    source: str
    noted: date

    @field_validator("first")
    @classmethod
    def _utc(cls, value: datetime) -> datetime:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @model_validator(mode="after")
    def _length(self) -> KnownEvent:
        if (self.minutes is None) != (self.cause == "delisted"):
            raise ValueError("an outage needs 'minutes', a delisting has none")
        return self

    @property
    def start_ms(self) -> int:
        """First minute, milliseconds since the epoch."""
        return int(self.first.timestamp()) * 1000

    def covers(self, start_ms: int, minutes: int) -> bool:
        """Check whether the event explains all ``minutes`` from ``start_ms`` on."""
        ends = start_ms + minutes * MINUTE_MS
        open_end = self.minutes is None
        return self.start_ms <= start_ms and (
            open_end or ends <= self.start_ms + (self.minutes or 0) * MINUTE_MS
        )

    def applies_to(self, venue: str, symbol: str) -> bool:
        """Check whether it concerns this symbol."""
        return self.venue == venue and self.symbol in ("*", symbol)


def explain(events: Sequence[KnownEvent], start_ms: int, minutes: int) -> KnownEvent | None:
    """Return the first event that covers this stretch, if there is one."""
    return next((event for event in events if event.covers(start_ms, minutes)), None)


def load_known_events(path: Path) -> tuple[KnownEvent, ...]:
    """Read the events of a TOML file; `SettingsError` names the first entry that is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"known events {path} cannot be read ({error.strerror}); see the setting 'known_events'"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"known events {path} is not TOML: {error}") from error
    entries = content.get("event", [])
    unknown = sorted(set(content) - {"event"})
    if unknown or not isinstance(entries, list):
        found = unknown[0] if unknown else "event"
        raise SettingsError(f"known events {path}: {found!r} is not a list of [[event]] entries")
    events = []
    for number, entry in enumerate(entries, start=1):
        try:
            events.append(KnownEvent.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            where = f", {place!r}" if place else ""
            message = first["msg"].removeprefix("Value error, ")
            raise SettingsError(
                f"known events {path}: event {number}{where}: {message[0].lower()}{message[1:]}"
            ) from error
    return tuple(events)
