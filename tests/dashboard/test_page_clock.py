"""Times of the pages in the zone of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.page_clock import PageClock
from tests.dashboard.client import served


@pytest.mark.parametrize(
    ("zone", "name", "shown"),
    [
        ("UTC", "UTC", "2025-06-20 15:30"),
        ("Asia/Seoul", "KST", "2025-06-21 00:30"),
        ("America/New_York", "America/New_York", "2025-06-20 11:30"),
    ],
)
def test_a_time_is_written_in_its_zone(zone: str, name: str, shown: str) -> None:
    clock = PageClock(zone)
    assert clock.name == name
    for text in ("2025-06-20T15:30:59Z", "2025-06-20T15:30:00", "2025-06-21T00:30:00+09:00"):
        assert clock.minute(text) == shown
    assert clock.minute("soon") == "soon"


async def test_every_page_names_its_zone_for_the_charts_and_for_the_reader(tmp_path: Path) -> None:
    async with served(tmp_path, timezone="Asia/Seoul") as client:
        pages = [(await client.ask("GET", "/login"))[1]]
        await client.log_in()
        pages += [
            (await client.ask("GET", f"/{name}"))[1]
            for name in ("", "trades", "research", "control", "log")
        ]
    for page in pages:
        assert 'data-timezone="Asia/Seoul" data-zone="KST"' in page
        assert "All times are KST." in page
