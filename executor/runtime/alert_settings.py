"""Where alerts go and when: a section of the settings, and addresses that are secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from trading.errors import SettingsError

WEBHOOK_VARIABLE = "NOCTURNE_WEBHOOK_URL"
APPRISE_VARIABLE = "NOCTURNE_APPRISE_URLS"
HEARTBEAT_VARIABLE = "NOCTURNE_HEARTBEAT_URL"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"


class AlertSettings(BaseModel):
    """How alerts read, and when they wait."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["info", "warning", "critical"] = "info"
    """The least level that is sent; the ledger keeps every alert."""
    language: Literal["en", "ko"] = "en"
    timezone: str = "UTC"
    """Of the times in messages, of ``quiet`` and of ``summary_at``."""
    quiet: str = Field(default="", pattern=f"^({CLOCK}-{CLOCK})?$")
    """Hours in which only critical alerts are sent, e.g. ``23:00-07:00``; the others wait."""
    summary_at: str = Field(default="", pattern=f"^({CLOCK})?$")
    """When the daily summary is sent, e.g. ``09:00``; empty is never."""
    heartbeat_s: float = Field(default=60.0, ge=1, le=3_600)
    """Period of the file `heartbeat` in the state folder and of the outside check."""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a time zone; write one such as Asia/Seoul or UTC") from error
        return name

    @property
    def quiet_ends(self) -> tuple[time, time]:
        """Begin and end of the quiet hours; equal where there are none."""
        if not self.quiet:
            return time(0), time(0)
        begin, end = self.quiet.split("-")
        return time.fromisoformat(begin), time.fromisoformat(end)


@dataclass(frozen=True, slots=True)
class AlertAddresses:
    """Where alerts and the heartbeat go; whoever knows an address can post there."""

    webhook: SecretStr | None = None
    """A Discord webhook."""
    apprise: tuple[SecretStr, ...] = ()
    """URLs of Apprise."""
    heartbeat: SecretStr | None = None
    """A URL that an outside check expects to be requested."""

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every address."""
        return tuple(one for one in (self.webhook, *self.apprise, self.heartbeat) if one)

    @property
    def texts(self) -> tuple[str, ...]:
        """What must be masked: each address, and the parts of it that let somebody post."""
        found = []
        for secret in self.secrets:
            url = secret.get_secret_value()
            found += [url, *(part for part in re.split(r"[/?&=@:]+", url) if len(part) >= 20)]
        return tuple(dict.fromkeys(found))


def alert_addresses(known: Mapping[str, str]) -> AlertAddresses:
    """Read the addresses from variables.

    Raises:
        SettingsError: one is not a URL, or would send a secret without TLS.
    """
    return AlertAddresses(
        webhook=_web_address(WEBHOOK_VARIABLE, known),
        apprise=tuple(SecretStr(url) for url in _apprise_urls(known.get(APPRISE_VARIABLE, ""))),
        heartbeat=_web_address(HEARTBEAT_VARIABLE, known),
    )


def _apprise_urls(text: str) -> list[str]:
    urls = [url for url in re.split(r"[,\s]+(?=\w+://)", text.strip(" ,")) if url]
    for url in urls:
        if not re.match(r"\w+://.", url):
            raise SettingsError(
                f"{APPRISE_VARIABLE} is not a list of Apprise URLs; write for example"
                " tgram://TOKEN/CHAT, several separated by spaces"
            )
    return urls


def _web_address(variable: str, known: Mapping[str, str]) -> SecretStr | None:
    url = known.get(variable, "")
    if not url:
        return None
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise SettingsError(f"{variable} is not a URL; copy it from the channel's settings")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise SettingsError(f"{variable} must begin with https://: the URL is a secret")
    return SecretStr(url)
