"""What is said at every start: strategies that trade without proof, and overridden settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from executor.bus.events import EventType
from executor.services import Services
from executor.settings import Mode
from trading.errors import ParameterError, SettingsError
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)


def announce_unproven(services: Services) -> None:
    """Warn of every strategy in ``[live] allow_unproven``; other modes ask for no evidence.

    Raises:
        SettingsError: a name is no strategy.
    """
    live = services.settings.live
    for name in live.allow_unproven:
        try:
            get_strategy(name)
        except ParameterError as error:
            raise SettingsError(f"setting 'live.allow_unproven': {error}") from error
    if services.settings.mode is not Mode.LIVE or not live.allow_unproven:
        return
    names = ", ".join(live.allow_unproven)
    size = f"{live.probation:.0%} of the limits"
    log.warning("unproven strategies may trade real money: %s, at %s", names, size)
    services.alerts.send("unproven strategies may trade", strategies=names, size=size)


def announce_overrides(services: Services, overrides: Mapping[str, Any]) -> None:
    """Log, and write into the ledger, what the environment or `.env` sets against the file."""
    strategies = {
        f"strategies.set.{strategy}.{name}": value
        for strategy, params in services.settings.strategies.set.items()
        for name, value in params.items()
    }
    found = {name: str(value) for name, value in {**strategies, **overrides}.items()}
    if found:
        log.warning("settings that are overridden: %s", found)
        services.emit(EventType.CONFIG_CHANGED, overrides=found, by="start")
