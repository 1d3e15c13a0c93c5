"""The check of the API key at the start."""

from __future__ import annotations

import logging

from executor.risk.trading_state import TradingState
from executor.services import Services
from executor.settings import Mode
from executor.venues.api_key import key_problem, key_warnings
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from trading.errors import SettingsError

log = logging.getLogger(__name__)


async def check_key(services: Services, venue: Venue, trading_state: TradingState) -> None:
    """Refuse a key that could move money away; in live, unknown permissions mean no entries."""
    live = services.settings.mode is Mode.LIVE
    try:
        allowed = await venue.key_permissions()
    except VenueFaultError as fault:
        log.error("%s: the key's permissions cannot be read: %s", venue.name, fault)
        allowed = None
    if allowed is None:
        why = f"the key's permissions at {venue.name} are not known"
        log.warning("%s%s", why, "" if live else "; test networks do not show them")
        if live:
            trading_state.block("permissions", why)
            services.alerts.send("no entries", why=why)
        return
    problem = key_problem(allowed)
    if problem:
        raise SettingsError(f"{venue.name}: {problem}")
    for warning in key_warnings(allowed, services.clock.now_ms()):
        log.warning("%s: %s", venue.name, warning)
        services.alerts.send("API key", venue=venue.name, warning=warning)
