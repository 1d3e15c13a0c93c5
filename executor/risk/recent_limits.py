"""Limits on what happened lately; the ledger remembers it, so a restart resets none of them."""

from __future__ import annotations

from executor.risk.account_state import AccountState
from executor.settings import RiskSettings

MOST_REFUSED_STOPS = 2
"""After so many in a day, entries of the instrument stop: the cause will not fix itself."""
MOST_REJECTED_ENTRIES = 3
"""After so many refusals by the exchange in a day, an instrument is not tried again."""


def recent_reasons(account: AccountState, limits: RiskSettings) -> list[str]:
    """Reasons against an entry in what happened lately, each with its figure."""
    reasons = failure_reasons(account)
    if 0 < limits.max_entries_per_day <= account.entries_today:
        reasons.append(
            f"{account.entries_today} entries today, at most {limits.max_entries_per_day}"
        )
    if account.paused_for_s > 0:
        reasons.append(f"pause after losses, {account.paused_for_s / 60:.0f} more minutes")
    if account.stopped_for_s > 0:
        reasons.append(f"cools down after a stop, {account.stopped_for_s / 60:.0f} more minutes")
    if account.shocked_for_s > 0:
        reasons.append(f"pause after a market shock, {account.shocked_for_s / 60:.0f} more minutes")
    if account.exposure >= limits.max_exposure * account.equity:
        reasons.append(f"exposure {account.exposure:.2f} is at its limit")
    return reasons


def failure_reasons(account: AccountState) -> list[str]:
    """Failures that have come too often today to try again before tomorrow."""
    reasons = []
    if account.refused_stops_today >= MOST_REFUSED_STOPS:
        reasons.append(
            f"{account.refused_stops_today} stops were refused today: no entries until tomorrow"
        )
    if account.rejected_entries_today >= MOST_REJECTED_ENTRIES:
        reasons.append(
            f"the exchange refused {account.rejected_entries_today} entries today: no more until"
            " tomorrow"
        )
    return reasons
