"""Calendar months in UTC, by names such as ``2025-06``, which sort like their times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lake.content import milliseconds, moment_of


def month_start(month: str) -> datetime:
    """Return the first moment of a month."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def month_end(month: str) -> datetime:
    """Return the first moment of the month after."""
    return (month_start(month) + timedelta(days=32)).replace(day=1)


def month_before(month: str) -> str:
    """Return ``2025-05`` for ``2025-06``."""
    return f"{month_start(month) - timedelta(days=1):%Y-%m}"


def months_between(begin: int, end: int) -> Iterator[str]:
    """Yield the months that the times (ms) from ``begin`` to ``end``, exclusive, lie in."""
    month = f"{moment_of(begin):%Y-%m}"
    while milliseconds(month_start(month)) < end:
        yield month
        month = f"{month_end(month):%Y-%m}"
