"""A heartbeat for a check outside: when it stops, others than this process raise the alarm."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from pydantic import SecretStr

log = logging.getLogger(__name__)

NAME = "heartbeat"
TIMEOUT_S = 5.0


class Heartbeat:
    """Writes the file `heartbeat` and requests a URL, if there is one."""

    def __init__(self, state: Path, url: SecretStr | None = None) -> None:
        self._file = state / NAME
        self._url = url
        self._failing = False

    async def beat(self) -> None:
        """Say that the executor lives; a failure of the outside check is logged once."""
        temporary = self._file.with_name(f".{NAME}.{os.getpid()}")
        temporary.write_text(datetime.now(UTC).isoformat(timespec="seconds") + "\n")
        temporary.replace(self._file)
        if self._url is None:
            return
        problem = await self._request(self._url.get_secret_value())
        if problem and not self._failing:
            log.warning("the outside check was not reached: %s", problem)
        self._failing = bool(problem)

    @staticmethod
    async def _request(url: str) -> str:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                return "" if answer.status < 300 else f"it answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Client errors name the URL, and the URL is a secret.
            return type(error).__name__
