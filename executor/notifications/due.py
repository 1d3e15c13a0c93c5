"""Which alerts go out now: levels, quiet hours, and one line for what repeats within a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from executor.notifications.alert_store import AlertLevel, WaitingAlert
from executor.notifications.messages import AlertGroup

REPEATS_MS = 60_000
"""The same kind and symbol within this time is one message with a count."""

AlertKind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``begin`` to ``end`` by the clock of ``timezone``; equal ends mean never."""

    begin: time = time(0)
    end: time = time(0)
    timezone: str = "UTC"

    def hold(self, now: datetime) -> bool:
        """Whether ``now`` (aware) lies in the quiet hours."""
        clock = now.astimezone(ZoneInfo(self.timezone)).time()
        if self.begin <= self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


@dataclass(frozen=True, slots=True)
class LastSent:
    """When a message of a kind went out, and what it was about."""

    ago_ms: float
    time: int
    """Market time (ms) of the first alert of its newest line."""

    def holds(self, alert: WaitingAlert) -> bool:
        """Whether an alert is a repetition of that minute.

        What an outage left behind is none, and neither is what a newer alert has overtaken.
        """
        return self.ago_ms < REPEATS_MS and 0 <= alert.time - self.time < REPEATS_MS


def kind_of(alert: WaitingAlert) -> AlertKind | None:
    """The kind and symbol by which an alert is counted; None for one that always stands alone."""
    if alert.level is AlertLevel.CRITICAL or "side" in alert.fields:
        return None
    return alert.title, alert.fields.get("symbol", "")


def due(
    waiting: Sequence[WaitingAlert],
    now: datetime,
    quiet: QuietHours,
    last_sent: Mapping[AlertKind, LastSent],
) -> list[AlertGroup]:
    """The groups that may go out, in the order of ``waiting``.

    The repetitions of a kind whose message went out wait until that is a minute ago, and come as
    one line with their number.
    """
    held = quiet.hold(now)
    groups: list[list[WaitingAlert]] = []
    last: dict[AlertKind, list[WaitingAlert]] = {}
    for alert in waiting:
        if held and alert.level is not AlertLevel.CRITICAL:
            continue
        kind = kind_of(alert)
        if kind is None:
            groups.append([alert])
            continue
        if (sent := last_sent.get(kind)) is not None and sent.holds(alert):
            continue
        group = last.get(kind)
        if group is not None and alert.time - group[0].time < REPEATS_MS:
            group.append(alert)
            continue
        last[kind] = [alert]
        groups.append(last[kind])
    return [AlertGroup(tuple(group)) for group in groups]
