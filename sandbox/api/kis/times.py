"""Korean dates and times, as KIS writes them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

KST = timezone(timedelta(hours=9))


def date_text(moment: int) -> str:
    """Format a time (ms) as YYYYMMDD in Korea."""
    return datetime.fromtimestamp(moment // 1_000, KST).strftime("%Y%m%d")


def clock_text(moment: int) -> str:
    """Format a time (ms) as HHMMSS in Korea."""
    return datetime.fromtimestamp(moment // 1_000, KST).strftime("%H%M%S")


def parse_date(text: str) -> int | None:
    """Return the start of a YYYYMMDD day in UTC (ms), which holds its session; None if it is none.

    The session of a Korean day, 00:00 to 06:30 UTC, lies in the UTC day of the same date.
    """
    try:
        return int(datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).timestamp()) * 1_000
    except ValueError:
        return None


def parse_clock(text: str) -> int | None:
    """Return HHMMSS as ms since midnight; None when it is none."""
    try:
        found = time.fromisoformat(f"{text[:2]}:{text[2:4]}:{text[4:]}")
    except ValueError:
        return None
    return ((found.hour * 60 + found.minute) * 60 + found.second) * 1_000
