"""The text of a message: a block for each of a few alerts, a line each for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from executor.notifications.alert_store import AlertLevel, WaitingAlert
from executor.notifications.catalogue import field_in, title_in

LONGEST_MESSAGE = 1_900
"""Discord takes 2,000 characters."""
LONGEST_TITLE = 200
LONGEST_FIELD = 400
DIGEST_FROM = 5
"""This many waiting alerts go into one message."""
MARKS = {AlertLevel.CRITICAL: "🚨 ", AlertLevel.WARNING: "⚠️ ", AlertLevel.INFO: ""}


@dataclass(frozen=True, slots=True)
class Wording:
    """How alerts read: the language (``en`` or ``ko``) and the clock on the wall."""

    language: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts of one kind and symbol that are one line with a count; the newest is shown."""

    alerts: tuple[WaitingAlert, ...]

    @property
    def newest(self) -> WaitingAlert:
        """The alert whose fields are shown."""
        return self.alerts[-1]


def length_of(text: str) -> int:
    """Length in UTF-16 units: the longest of the ways in which a server may count."""
    return len(text.encode("utf-16-le", errors="replace")) // 2


def message_of(groups: Sequence[AlertGroup], wording: Wording) -> str:
    """The message; a digest when there are many."""
    many = len(groups) >= DIGEST_FROM
    parts = [_line(group, wording) if many else _block(group, wording) for group in groups]
    if many:
        count = sum(len(group.alerts) for group in groups)
        parts.insert(0, f"{count} alerts:" if wording.language == "en" else f"알림 {count}건:")
    return _cut("\n".join(parts), LONGEST_MESSAGE)


def bare_message_of(groups: Sequence[AlertGroup]) -> str:
    """Numbers alone, for a server that refuses the texts: the ledger has the rest."""
    numbers = ", ".join(f"#{alert.id}" for group in groups for alert in group.alerts)
    return _cut(f"{numbers}: this server refused the text; see the alerts of the ledger", 500)


def fitting(groups: Sequence[AlertGroup], wording: Wording) -> list[AlertGroup]:
    """As many of the first groups as fit into one message, at least one."""
    if len(groups) < DIGEST_FROM:
        return list(groups[:1])
    size = 40
    taken: list[AlertGroup] = []
    for group in groups:
        size += length_of(_line(group, wording)) + 1
        if taken and size > LONGEST_MESSAGE:
            break
        taken.append(group)
    return taken if len(taken) >= DIGEST_FROM else taken[:1]


def _head(group: AlertGroup, wording: Wording) -> str:
    alert = group.newest
    at = datetime.fromtimestamp(alert.time / 1000, UTC).astimezone(ZoneInfo(wording.timezone))
    zone = "UTC" if wording.timezone == "UTC" else at.strftime("%Z")
    numbers = f"#{alert.id}"
    count = len(group.alerts)
    if count > 1:
        numbers = f"#{group.alerts[0].id}–{alert.id} ×{count}"
    title = _cut(title_in(wording.language, alert.title), LONGEST_TITLE)
    return f"{MARKS[alert.level]}**{title}** ({numbers}, {at:%Y-%m-%d %H:%M:%S} {zone})"


def _fields(alert: WaitingAlert, wording: Wording) -> list[tuple[str, str]]:
    shown = [field_in(wording.language, name, text) for name, text in alert.fields.items()]
    return [(name, _cut(text, LONGEST_FIELD)) for name, text in shown]


def _block(group: AlertGroup, wording: Wording) -> str:
    lines = [f"{name}: {text}" for name, text in _fields(group.newest, wording)]
    return "\n".join([_head(group, wording), *lines])


def _line(group: AlertGroup, wording: Wording) -> str:
    fields = ", ".join(f"{name} {text}" for name, text in _fields(group.newest, wording))
    return f"{_head(group, wording)} {fields}".rstrip()


def _cut(text: str, longest: int) -> str:
    """The text, shortened with an ellipsis where it is too long."""
    if length_of(text) <= longest:
        return text
    # A character takes one or two units.
    short = text[: longest - 1]
    while length_of(short) > longest - 1:
        short = short[: len(short) - max(1, (length_of(short) - longest) // 2)]
    return short + "…"
