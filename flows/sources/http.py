"""HTTP to the hosts of exchanges: bounded, patient, and obedient to their limits.

A host has one `Host`: it counts requests in flight, waits as long as the host says, and never
calls again after a ban. Whoever downloads from it shares it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from trading.errors import NocturneError

CHUNK = 1 << 18
CONNECT_ATTEMPTS = 2
"""A host that refuses connections, or has no address, is left alone after so many attempts."""
RETRIED = (408, 425, 500, 502, 503, 504)


class SourceError(NocturneError):
    """A source of market data could not answer."""


class NotThere(SourceError):
    """The source has no such file (HTTP 404)."""


class HostClosed(SourceError):
    """The host banned this address (HTTP 418): nothing is sent to it again in this run."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How patient a download is. Seconds, but for ``attempts`` and ``parallel``."""

    parallel: int = 6
    attempts: int = 5
    backoff_s: float = 1.0
    default_wait_s: float = 60.0
    most_wait_s: float = 300.0
    connect_s: float = 10.0
    silence_s: float = 30.0
    """A response that stays silent this long is abandoned and requested again."""


@dataclass(frozen=True, slots=True)
class WeightLimit:
    """What a host lets an address use a minute, and the header that tells how much it has used."""

    header: str
    per_minute: int


class Host:
    """One host: its budget of requests, and its word on when to come back."""

    def __init__(
        self,
        name: str,
        limits: HttpLimits,
        weight: WeightLimit | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pace_s: float = 0.0,
    ) -> None:
        self.name = name
        self.limits = limits
        self._closed = [""]
        self._sleep = sleep
        self._pace_s = pace_s
        self._weight = weight
        self._slots = asyncio.Semaphore(limits.parallel)
        self._resume_at = 0.0

    @property
    def closed(self) -> str:
        """Why nothing more is sent to this host in this run; empty while it may be called."""
        return self._closed[0]

    def closes_with(self, other: Host) -> None:
        """Share the fate of another budget of the same host: a ban is one for both."""
        self._closed = other._closed

    async def __aenter__(self) -> Host:
        await self._slots.acquire()
        try:
            await self._turn()
        except BaseException:
            self._slots.release()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()

    async def _turn(self) -> None:
        if self.closed:
            raise HostClosed(self.closed)
        while (wait := self._resume_at - time.monotonic()) > 0:
            await self._sleep(wait)
        if self._pace_s:
            self._resume_at = time.monotonic() + self._pace_s

    def unreachable(self, why: str) -> SourceError:
        """Close the host, as no connection to it was had; the error to raise."""
        self._closed[0] = f"{self.name} cannot be reached ({why})"
        return HostClosed(self.closed)

    async def back_off(self, attempt: int) -> None:
        """Wait before the next attempt: 1, 2, 4, … times the base."""
        await self._sleep(self.limits.backoff_s * 2**attempt)

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Take note of what an answer says about limits; raises `HostClosed` on HTTP 418."""
        if status == 418:
            until = headers.get("Retry-After", "an unknown number of")
            self._closed[0] = (
                f"{self.name} banned this address (HTTP 418, {until} seconds); nothing more is "
                "sent to it, run the download again later"
            )
            raise HostClosed(self.closed)
        if status == 429:
            wait = _seconds(headers.get("Retry-After"), self.limits.default_wait_s)
            if wait > self.limits.most_wait_s:
                raise SourceError(
                    f"{self.name} asks to wait {wait:.0f} s (HTTP 429), longer than "
                    f"{self.limits.most_wait_s:.0f} s; run the download again later"
                )
            self._resume_at = max(self._resume_at, time.monotonic() + wait)
        weight = self._weight
        if weight and _seconds(headers.get(weight.header), 0.0) >= 0.8 * weight.per_minute:
            # The count restarts every minute; what is left is kept for trading.
            self._resume_at = max(self._resume_at, time.monotonic() + 60 - time.time() % 60)


def _seconds(text: str | None, default: float) -> float:
    try:
        return max(0.0, float(text)) if text is not None else default
    except ValueError:
        return default


class Http:
    """GET of texts, JSON and files, retried where the world may mend."""

    def __init__(self, session: aiohttp.ClientSession, host: Host) -> None:
        self._session = session
        self.host = host

    async def text(self, url: str) -> str:
        """The body of ``url``."""
        text: str = await self._retried(url, self._text)
        return text

    async def json(self, url: str, **arguments: Any) -> Any:
        """The JSON of ``url``; ``arguments`` go to aiohttp (``params``, ``headers``)."""

        async def ask(url: str) -> Any:
            async with self._session.get(url, **arguments) as response:
                self._check(url, response)
                try:
                    return await response.json(content_type=None)
                except ValueError as error:
                    raise SourceError(f"{url}: the answer is no JSON") from error

        return await self._retried(url, ask)

    async def file(self, url: str, path: Path) -> None:
        """Download ``url`` to ``path``; a partial ``path.part`` is continued where it ends.

        ``path`` appears whole or not at all.
        """

        async def fetch(url: str) -> None:
            await self._file(url, path)

        await self._retried(url, fetch)

    async def _text(self, url: str) -> str:
        async with self._session.get(url) as response:
            self._check(url, response)
            return await response.text()

    async def _file(self, url: str, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._session.get(url, headers=headers) as response:
            if response.status == 416:  # the part is as long as the file, or longer: start over
                part.unlink(missing_ok=True)
                raise aiohttp.ClientPayloadError("the partial file does not fit the remote one")
            self._check(url, response)
            if "html" in response.headers.get("Content-Type", ""):
                raise SourceError(f"{url}: the answer is an HTML page, not the file")
            resumed = _continues(response, have)
            with part.open("ab" if resumed else "wb") as file:
                async for chunk in response.content.iter_chunked(CHUNK):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)

    def _check(self, url: str, response: aiohttp.ClientResponse) -> None:
        status = response.status
        self.host.heard(status, response.headers)
        if status in (200, 206):
            return
        if status == 404:
            raise NotThere(f"{url}: there is no such file (HTTP 404)")
        if status == 429 or status in RETRIED:
            raise aiohttp.ClientResponseError(
                response.request_info,
                response.history,
                status=status,
                message=response.reason or "",
            )
        raise SourceError(f"{url}: HTTP {status} {response.reason}")

    async def _retried(self, url: str, ask: Callable[[str], Awaitable[Any]]) -> Any:
        failure: BaseException | None = None
        attempts = self.host.limits.attempts
        for attempt in range(attempts):
            if attempt and not _asked_to_wait(failure):
                await self.host.back_off(attempt - 1)
            async with self.host:
                try:
                    return await ask(url)
                except aiohttp.ClientConnectorError as error:
                    failure = error
                    if attempt + 1 >= min(attempts, CONNECT_ATTEMPTS):
                        raise self.host.unreachable(str(error)) from error
                except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                    failure = error
        raise _given_up(url, attempts, failure) from failure


def _asked_to_wait(failure: BaseException | None) -> bool:
    return isinstance(failure, aiohttp.ClientResponseError) and failure.status == 429


def _continues(response: aiohttp.ClientResponse, have: int) -> bool:
    """Whether the body goes on after the bytes that we have; some hosts ignore the range."""
    if response.status != 206:
        return False
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _given_up(url: str, attempts: int, failure: BaseException | None) -> SourceError:
    if isinstance(failure, aiohttp.ClientResponseError):
        why = f"HTTP {failure.status} {failure.message}".rstrip()
    elif isinstance(failure, TimeoutError):
        why = "no data in time"
    else:
        why = str(failure) or type(failure).__name__
    return SourceError(f"{url}: {why}, after {attempts} attempts")


def open_session(limits: HttpLimits) -> aiohttp.ClientSession:
    """A session with the limits' time-outs; proxies of the environment are obeyed."""
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=limits.connect_s, sock_read=limits.silence_s
    )
    return aiohttp.ClientSession(timeout=timeout, trust_env=True)


def remove(path: Path) -> None:
    """Delete a file if it is there."""
    with suppress(FileNotFoundError):
        path.unlink()
