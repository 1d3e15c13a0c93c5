"""Alerts on their way to people, beside trading and never in its way.

An alert is a row of the ledger, in the transaction of its cause, until every channel has taken it:
after a crash or an outage it goes out then, maybe twice, with its number. Each channel has a thread
of its own; the event loop waits for none of them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from executor.notifications.alert_store import AlertLevel, AlertStore, WaitingAlert
from executor.notifications.alerts import LogAlerts
from executor.notifications.catalogue import level_of
from executor.notifications.channels import Answer, Channel, Receipt
from executor.notifications.due import REPEATS_MS, AlertKind, LastSent, QuietHours, due, kind_of
from executor.notifications.messages import (
    AlertGroup,
    Wording,
    bare_message_of,
    fitting,
    message_of,
)
from executor.runtime.alert_settings import AlertSettings
from executor.runtime.masking import Masker

log = logging.getLogger(__name__)

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
GONE_DELAY_S = 600.0
"""A server bans an address that keeps asking for what is gone."""
LOOK_EVERY_S = 5.0
ANSWER_WITHIN_S = 20.0
MOST_AT_ONCE = 200


def utc_now() -> datetime:
    """The time on the wall."""
    return datetime.now(UTC)


class AlertDelivery:
    """Implements `executor.notifications.alerts.Alerts`; `run` delivers.

    Without a channel alerts are stored and logged only.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        outbox: AlertStore,
        settings: AlertSettings,
        market_ms: Callable[[], int],
        masker: Masker,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._channels = channels
        self._names = [channel.name for channel in channels]
        self._outbox = outbox
        self._settings = settings
        self._market_ms = market_ms
        self._masker = masker
        self._now = now
        self._least = AlertLevel[settings.level.upper()]
        self._quiet = QuietHours(*settings.quiet_ends, settings.timezone)
        self._log = LogAlerts()
        self._wake = [asyncio.Event() for _ in channels]
        self._failing_since: dict[str, float] = {}
        self.first_delay_s = FIRST_DELAY_S

    def send(self, title: str, **fields: object) -> None:
        """Log the alert and store it; nothing is awaited."""
        self._log.send(title, **fields)
        texts = {name: self._masker(str(value)) for name, value in fields.items()}
        level = level_of(title)
        wanted = bool(self._channels) and level >= self._least
        self._outbox.add(self._market_ms(), self._masker(title), texts, level, wanted=wanted)
        for wake in self._wake:
            wake.set()

    @property
    def failing_s(self) -> float:
        """For how long the channel that fails longest has taken nothing; 0 when none fails."""
        now = time.monotonic()
        return max((now - since for since in self._failing_since.values()), default=0.0)

    async def run(self) -> None:
        """Deliver until cancelled, whatever happens; without a channel there is nothing to do."""
        if not self._channels:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as tasks:
            for channel, wake in zip(self._channels, self._wake, strict=True):
                tasks.create_task(self._keep_delivering(channel, wake))

    async def drain(self, within_s: float) -> None:
        """Wait briefly until everything due has gone out, the end of the run included."""
        try:
            async with asyncio.timeout(within_s):
                while any(self.next_for(name, {}) for name in self._names):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return  # the next start delivers them

    async def _keep_delivering(self, channel: Channel, wake: asyncio.Event) -> None:
        while True:
            try:
                await _ChannelLoop(self, channel, wake).run()
            except Exception:
                # Alerts must not disturb trading: what waits is tried again later.
                log.exception("alerts not delivered to %s", channel.name)
                await asyncio.sleep(LONGEST_DELAY_S)

    def next_for(self, channel: str, sent: dict[AlertKind, tuple[float, int]]) -> list[AlertGroup]:
        """The next message of a channel, where something is due.

        ``sent`` has, by kind, when a message went out (monotonic seconds) and its market time (ms).
        """
        waiting: list[WaitingAlert] = self._outbox.waiting(MOST_AT_ONCE, channel)
        if not waiting:
            return []
        now = time.monotonic()
        last = {kind: LastSent((now - at) * 1000, time_ms) for kind, (at, time_ms) in sent.items()}
        return fitting(due(waiting, self._now(), self._quiet, last), self.wording)

    @property
    def wording(self) -> Wording:
        """How the messages read."""
        return Wording(self._settings.language, self._settings.timezone)

    def took(self, channel: str, groups: Sequence[AlertGroup]) -> None:
        """Remember that a channel has accepted these."""
        self._failing_since.pop(channel, None)
        ids = [alert.id for group in groups for alert in group.alerts]
        self._outbox.delivered(ids, channel, self._names)

    def failed(self, channel: str) -> None:
        """Remember since when a channel accepts nothing."""
        self._failing_since.setdefault(channel, time.monotonic())


class _ChannelLoop:
    """One channel: what is due, one message at a time."""

    def __init__(self, delivery: AlertDelivery, channel: Channel, wake: asyncio.Event) -> None:
        self._delivery = delivery
        self._channel = channel
        self._wake = wake
        self._sent: dict[AlertKind, tuple[float, int]] = {}
        self._failures = 0
        self._refused: list[int] = []
        self._rng = random.Random(channel.name)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            groups = self._delivery.next_for(self._channel.name, self._sent)
            if not groups:
                await self._rest()
                continue
            receipt = await self._send(groups)
            if receipt.accepted:
                self._note(groups)
                self._delivery.took(self._channel.name, groups)
            else:
                self._delivery.failed(self._channel.name)
                log.warning("alerts not delivered to %s: %s", self._channel.name, receipt.reason)
            await asyncio.sleep(self._pause(receipt, groups))

    async def _send(self, groups: Sequence[AlertGroup]) -> Receipt:
        text = message_of(groups, self._delivery.wording)
        if [group.newest.id for group in groups] == self._refused:
            text = bare_message_of(groups)
        return await _in_thread(self._channel, text)

    def _note(self, groups: Sequence[AlertGroup]) -> None:
        now = time.monotonic()
        old = now - REPEATS_MS / 1000
        self._sent = {kind: one for kind, one in self._sent.items() if one[0] > old}
        for group in groups:
            if (kind := kind_of(group.newest)) is not None:
                newest = self._sent.get(kind, (now, 0))[1]
                self._sent[kind] = now, max(newest, group.alerts[0].time)

    def _pause(self, receipt: Receipt, groups: Sequence[AlertGroup]) -> float:
        """Seconds until the next message."""
        if receipt.accepted:
            self._failures, self._refused = 0, []
            return receipt.wait_s or 0.0
        self._failures += 1
        if receipt.answer is Answer.GONE:
            return GONE_DELAY_S
        if receipt.answer is Answer.REFUSED:
            numbers = [group.newest.id for group in groups]
            if numbers != self._refused:
                self._refused = numbers
                return self._delivery.first_delay_s
            return GONE_DELAY_S
        if receipt.wait_s is not None:
            return receipt.wait_s
        full = min(
            LONGEST_DELAY_S, self._delivery.first_delay_s * 2.0 ** min(self._failures - 1, 10)
        )
        return full * (0.5 + self._rng.random() / 2)

    async def _rest(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            # Quiet hours may be over, a minute may have passed.
            return


async def _in_thread(channel: Channel, text: str) -> Receipt:
    """Send in a thread that cannot keep the process alive."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Receipt] = loop.create_future()

    def settle(receipt: Receipt) -> None:
        if not answered.done():
            answered.set_result(receipt)

    def work() -> None:
        receipt = channel.send(text)
        try:
            loop.call_soon_threadsafe(settle, receipt)
        except RuntimeError:
            return  # the loop has ended: the next start sends again

    thread = threading.Thread(target=work, name=f"alerts to {channel.name}", daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await answered
    except TimeoutError:
        while thread.is_alive():  # one request at a time, however slowly a server answers
            await asyncio.sleep(0.5)
        return Receipt(Answer.LATER, reason="the server does not answer")
