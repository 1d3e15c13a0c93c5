"""Notices at every start: strategies that trade without proof, and overridden settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from executor.bus.events import EventType
from executor.risk.trading_state import TradingState
from executor.services import Services
from executor.settings import Mode
from executor.settings.first_week import read_first_week
from executor.strategy.release_keeper import market_datetime
from trading.errors import ParameterError, SettingsError
from trading.model_targets import MODEL_TARGETS, is_entry_target
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)


def announce_unproven(services: Services) -> None:
    """Warn of every strategy and model in ``[live] allow_unproven``.

    Other modes ask for no evidence.

    Raises:
        SettingsError: a name is neither a strategy nor the target of a model.
    """
    live = services.settings.live
    for name in live.allow_unproven:
        if name in MODEL_TARGETS or is_entry_target(name):
            continue
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


def announce_first_week(services: Services, trading_state: TradingState) -> None:
    """Take the cap of the first days over; without a confirmation nothing is entered in live.

    What is open is guarded all the same.
    """
    if services.settings.mode is not Mode.LIVE:
        return
    try:
        services.first_week = read_first_week(services.settings)
    except SettingsError as error:
        why = f"{error}, then start the executor again"
        trading_state.block("golive", why)
        log.error("no entries: %s", why)
        services.alerts.send("no entries", why=why)
        return
    share = services.first_week.share_at(services.clock.now_ms())
    if share < 1:
        until = market_datetime(services.first_week.until_ms)
        log.warning("first week: %s of the limits until %s", f"{share:.0%}", until)
        services.alerts.send(
            "first week: capped limits", size=f"{share:.0%}", until=f"{until:%Y-%m-%d %H:%M} UTC"
        )


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
