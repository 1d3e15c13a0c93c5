"""The confirmation of live trading, and the capped days that follow it.

`nocturne golive` writes the file `golive.json` into the state folder. It names the account and the
venues, so that a copy of it confirms nothing elsewhere.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from executor.settings.sections import RiskSettings, Settings
from trading.candles import DAY_MS
from trading.errors import SettingsError

NAME = "golive.json"
SCALED = (
    "balance_share",
    "max_position_share",
    "max_margin_share",
    "max_order_notional",
    "max_exposure",
    "daily_loss_limit",
)
"""Limits of size and loss; counts and times stay as they are."""


@dataclass(frozen=True, slots=True)
class FirstWeek:
    """``share`` of the limits until ``until_ms`` (UTC); afterwards it changes nothing."""

    share: Decimal = Decimal(1)
    until_ms: int = 0

    def share_at(self, now_ms: int) -> Decimal:
        """Return the share of the limits that may be used at a time."""
        return self.share if now_ms < self.until_ms else Decimal(1)

    def capped(self, limits: RiskSettings, now_ms: int) -> RiskSettings:
        """Return the limits that hold at a time."""
        share = self.share_at(now_ms)
        if share == 1:
            return limits
        return limits.model_copy(update={name: getattr(limits, name) * share for name in SCALED})


def first_week_from(settings: Settings, now_ms: int) -> FirstWeek:
    """Return the capped days that a confirmation at a time would begin."""
    until_ms = now_ms + settings.live.first_week_days * DAY_MS
    return FirstWeek(settings.live.first_week, until_ms)


def unusable_confirmation(settings: Settings) -> str:
    """Say why the confirmation that stands would be replaced; empty if it holds or is not there."""
    if not (settings.paths.state / NAME).exists():
        return ""
    try:
        read_first_week(settings)
    except SettingsError as error:
        return str(error)
    return ""


def confirm(settings: Settings, now_ms: int) -> FirstWeek:
    """Write the confirmation; one that stands already keeps its days, an unusable one is replaced.

    Raises:
        SettingsError: the state folder cannot be written.
    """
    state = settings.paths.state
    try:
        return read_first_week(settings)
    except SettingsError:
        pass
    made = first_week_from(settings, now_ms)
    content = _scope(settings) | {
        "confirmed_at": now_ms,
        "share": str(made.share),
        "until": made.until_ms,
    }
    temporary = state / f".{NAME}.{os.getpid()}"
    try:
        state.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(state / NAME)
    except OSError as error:
        raise SettingsError(f"{state} cannot be written ({error.strerror})") from error
    return made


def revoke(settings: Settings) -> bool:
    """Take the confirmation back; returns whether there was one."""
    path = settings.paths.state / NAME
    found = path.exists()
    path.unlink(missing_ok=True)
    return found


def read_first_week(settings: Settings) -> FirstWeek:
    """Read the confirmation of these settings.

    Raises:
        SettingsError: there is none, it is damaged, or it was given for another account or venue.
    """
    path = settings.paths.state / NAME
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        found = FirstWeek(Decimal(content["share"]), int(content["until"]))
    except FileNotFoundError:
        raise SettingsError("live trading was not confirmed; run `nocturne golive`") from None
    except (OSError, ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise SettingsError(f"{path} cannot be read ({error}); run `nocturne golive`") from error
    if not found.share.is_finite() or not 0 < found.share <= 1:
        raise SettingsError(f"{path} has share {found.share}; run `nocturne golive`")
    for name, value in _scope(settings).items():
        if content.get(name) != value:
            raise SettingsError(
                f"live trading was confirmed with another {name}; run `nocturne golive` again"
            )
    return found


def _scope(settings: Settings) -> dict[str, Any]:
    """What was confirmed: a new key of the same account does not change it."""
    venues = {name: venue.rest_url for name, venue in sorted(settings.venues.items())}
    return {"account": settings.account, "venues": venues}
