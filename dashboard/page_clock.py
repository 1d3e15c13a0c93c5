"""The clock of the pages: every time is shown in one zone, that of the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class PageClock:
    """Writes times in a zone such as ``Asia/Seoul``."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self._zone = ZoneInfo(timezone)

    @property
    def name(self) -> str:
        """``UTC`` or ``KST``; a zone with summer time goes by its whole name."""
        months = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 7))
        names = {moment.astimezone(self._zone).tzname() for moment in months}
        return str(names.pop()) if len(names) == 1 else self.timezone

    def minute(self, text: str) -> str:
        """Write an ISO time as 2025-06-20 14:05; what is none is shown as it is."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M}"
