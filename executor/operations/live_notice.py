"""What is said at every start in live: which strategies trade without proof, and how large."""

from __future__ import annotations

import logging

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
