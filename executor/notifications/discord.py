"""Alerts over a webhook in Discord's format, beside trading and never in its way.

An alert is stored before it is sent, and until the server has accepted it: after a crash or an
outage it is sent then, maybe twice, with its number. The server's headers set the rate. Many
waiting alerts go out as one digest.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import aiohttp
import orjson

from executor.notifications.alert_store import AlertStore, WaitingAlert
from executor.notifications.alerts import LogAlerts
from executor.runtime.masking import Masker

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
LONGEST_LIMIT_S = 300.0
LOOK_EVERY_S = 5.0
DIGEST_FROM = 5
"""This many waiting alerts go into one message."""
MOST_AT_ONCE = 20
LONGEST_MESSAGE = 1_900
"""Discord takes 2,000 characters."""


def message_of(alerts: Sequence[WaitingAlert]) -> str:
    """One message: a block for each alert, or a line each if there are many."""
    many = len(alerts) >= DIGEST_FROM
    parts = [_line(alert) if many else _block(alert) for alert in alerts]
    if many:
        parts.insert(0, f"{len(alerts)} alerts:")
    return "\n".join(parts)


def _head(alert: WaitingAlert) -> str:
    at = datetime.fromtimestamp(alert.time / 1000, UTC)
    return f"**{alert.title}** (#{alert.id}, {at:%Y-%m-%d %H:%M:%S} UTC)"


def _block(alert: WaitingAlert) -> str:
    return "\n".join([_head(alert), *(f"{name}: {text}" for name, text in alert.fields.items())])


def _line(alert: WaitingAlert) -> str:
    return f"{_head(alert)} " + ", ".join(f"{n} {text}" for n, text in alert.fields.items())


def fitting(alerts: Sequence[WaitingAlert]) -> list[WaitingAlert]:
    """The oldest alerts that fit into one message, at least one."""
    if len(alerts) < DIGEST_FROM:
        return list(alerts[:1])
    count = len(alerts)
    while count > 1 and len(message_of(alerts[:count])) > LONGEST_MESSAGE:
        count -= 1
    return list(alerts[:count])


async def send_once(url: str, title: str, fields: Mapping[str, str]) -> str | None:
    """Send one alert now, without a ledger; return why it was not taken, without the URL."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    body = _body(message_of([WaitingAlert(0, now, title, fields)]))
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, params={"wait": "true"}, json=body) as answer,
        ):
            if 200 <= answer.status < 300:
                return None
            return f"the server answers {answer.status}; copy the webhook's address again"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"the server cannot be reached ({type(error).__name__})"


def _body(content: str) -> dict[str, object]:
    return {"content": content[:LONGEST_MESSAGE], "allowed_mentions": {"parse": []}}


class DiscordAlerts:
    """Implements `executor.notifications.alerts.Alerts`; `run` delivers."""

    def __init__(
        self, url: str, outbox: AlertStore, now_ms: Callable[[], int], masker: Masker
    ) -> None:
        self._url = url
        self._outbox = outbox
        self._now_ms = now_ms
        self._masker = masker
        self._log = LogAlerts()
        self._wake = asyncio.Event()
        self._rng = random.Random(url)
        self.first_delay_s = FIRST_DELAY_S

    def send(self, title: str, **fields: object) -> None:
        """Log the alert and store it; nothing is awaited."""
        self._log.send(title, **fields)
        texts = {name: self._masker(str(value)) for name, value in fields.items()}
        self._outbox.add(self._now_ms(), self._masker(title), texts)
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled, whatever happens."""
        while True:
            try:
                await self._deliver()
            except Exception:
                # Alerts must not disturb trading: what waits is tried again later.
                log.exception("alerts not delivered")
                await asyncio.sleep(LONGEST_DELAY_S)

    async def _deliver(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            failures = 0
            while True:
                batch = fitting(self._outbox.waiting(MOST_AT_ONCE))
                if not batch:
                    await self._rest()
                    continue
                taken, wait_s = await self._post(session, message_of(batch))
                failures = 0 if taken else failures + 1
                if taken:
                    self._outbox.delivered(alert.id for alert in batch)
                await asyncio.sleep(wait_s if wait_s is not None else self._delay(failures))

    async def _rest(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            # Another run of this ledger may have left alerts.
            return

    def _delay(self, failures: int) -> float:
        if failures == 0:
            return 0.0
        full: float = min(LONGEST_DELAY_S, self.first_delay_s * 2 ** min(failures - 1, 10))
        return full * (0.5 + self._rng.random() / 2)

    async def _post(
        self, session: aiohttp.ClientSession, content: str
    ) -> tuple[bool, float | None]:
        """Whether the server accepted a message, and how long it asks to wait, if it does."""
        body = _body(content)
        try:
            async with session.post(self._url, params={"wait": "true"}, json=body) as answer:
                if 200 <= answer.status < 300:
                    return True, _until_reset(answer)
                said = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Client errors name the URL, and the URL is a secret.
            log.warning("alerts not delivered: %s", type(error).__name__)
            return False, None
        if answer.status == 429:
            return False, _retry_after(answer, said)
        log.warning("alerts not delivered: the server answers %d", answer.status)
        return False, None


def _until_reset(answer: aiohttp.ClientResponse) -> float | None:
    """Seconds until the next message, if this one was the last of its window."""
    if answer.headers.get("X-RateLimit-Remaining") != "0":
        return None
    return _seconds(answer.headers.get("X-RateLimit-Reset-After"))


def _retry_after(answer: aiohttp.ClientResponse, said: str) -> float:
    try:
        delay = orjson.loads(said).get("retry_after")
    except (ValueError, AttributeError):
        delay = None
    wait = _seconds(delay if delay is not None else answer.headers.get("Retry-After"))
    return LONGEST_DELAY_S if wait is None else wait


def _seconds(value: object) -> float | None:
    try:
        return min(max(0.0, float(str(value))), LONGEST_LIMIT_S)
    except ValueError:
        return None
