"""The check of the API key at the start."""

from __future__ import annotations

import logging

from executor.risk.trading_state import TradingState
from executor.services import Services
from executor.settings import Mode
from executor.venues.api_key import key_problem, key_warnings
from executor.venues.faults import VenueFaultError
from trading.errors import SettingsError

log = logging.getLogger(__name__)


async def check_key(services: Services, trading_state: TradingState) -> None:
    """Refuse a key that could move money away; in live, unknown permissions mean no entries."""
    live = services.settings.mode is Mode.LIVE
    try:
        allowed = await services.venue.key_permissions()
    except VenueFaultError as fault:
        log.error("the key's permissions cannot be read: %s", fault)
        allowed = None
    if allowed is None:
        why = "the key's permissions are not known"
        log.warning("%s%s", why, "" if live else "; test networks do not show them")
        if live:
            trading_state.block("permissions", why)
            services.alerts.send("no entries", why=why)
        return
    problem = key_problem(allowed)
    if problem:
        raise SettingsError(problem)
    for warning in key_warnings(allowed, services.clock.now_ms()):
        log.warning("%s", warning)
        services.alerts.send("API key", warning=warning)
