"""Sends the summary of a report to a webhook, once."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import aiohttp

from lake.files import write_bytes
from trading.errors import DataError

TIMEOUT_S = 15.0


def send_summary(report: Path, url: str) -> str:
    """Post the text beside ``report`` to ``url`` and say so; the same text is sent only once.

    The body is JSON with ``content`` (Discord) and ``text`` (Slack, Mattermost). Raises `DataError`
    if the server does not take it; the address is a secret, and in no message.
    """
    text = report.with_suffix(".txt").read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{url}\n{text}".encode()).hexdigest()
    mark = report.with_suffix(".sent")
    if mark.is_file() and mark.read_text(encoding="utf-8").strip() == digest:
        return "it was sent before"
    asyncio.run(_post(url, text))
    try:
        write_bytes(mark, f"{digest}\n".encode())
    except OSError as error:
        # A failed step would be tried again, and post the same text again.
        return f"it was sent, but {mark.name} cannot be written ({error.strerror})"
    return "it was sent"


async def _post(url: str, text: str) -> None:
    body = {"content": text, "text": text, "allowed_mentions": {"parse": []}}
    limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url, json=body, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        # The library's own text names the address.
        raise DataError(
            f"the server of summary_url cannot be reached ({type(error).__name__})"
        ) from None
    if not 200 <= status < 300:
        raise DataError(f"the server of summary_url answers {status}; check the address")
