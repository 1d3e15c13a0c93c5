"""The research page: its release is read before it is opened, and once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.client import served

DEADLINE_S = 60.0
PART: dict[str, Any] = {"fault": "Nothing is published yet.", "history": []}


async def test_a_login_reads_the_release_and_the_page_does_not_read_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    begun = threading.Event()

    def answer(_: str, question: object) -> dict[str, Any]:
        asked.append(question)
        begun.set()
        return PART

    monkeypatch.setattr("dashboard.research.release_watch.answer_of", answer)
    async with served(tmp_path) as client:
        await client.log_in()
        assert await asyncio.to_thread(begun.wait, DEADLINE_S), "nobody has opened the page yet"
        for _ in range(2):
            status, text, _headers = await client.ask("GET", "/research")
            assert (status, PART["fault"] in text) == (200, True)
    assert len(asked) == 1
