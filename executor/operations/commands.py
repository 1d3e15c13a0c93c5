"""The operator's commands over the control socket; the ledger records every change of mode."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from executor.builder import Executor
from executor.bus.events import EventType
from executor.model import InstrumentId, symbol_of
from executor.operations.health import health
from executor.operations.settings_reload import hot_settings
from executor.operations.status import Status
from executor.portfolio.account_snapshot import LIMITS_RESET
from executor.risk.trading_state import (
    BY_OPERATOR,
    TradingMode,
    change_mode,
    strategy_is_off,
    switch_strategy,
)
from executor.settings import read_changed
from executor.venues.faults import VenueFaultError
from trading.errors import ParameterError, SettingsError
from trading.strategies.registry import get_strategy

FLAT_WITHIN_S = 20.0
LOOK_S = 0.05

Arguments = Mapping[str, Any]
Command = Callable[[Arguments], Awaitable[dict[str, Any]]]


class OperatorCommands:
    """The commands, by name."""

    def __init__(
        self,
        executor: Executor,
        status: Status,
        stop: Callable[[], None],
        reload: Callable[[str], dict[str, Any]],
        change: Callable[[str, str | None], dict[str, Any]],
    ) -> None:
        self._x = executor
        self._status = status
        self._stop_run = stop
        self._reload_settings = reload
        self._change_setting = change

    @property
    def by_name(self) -> dict[str, Command]:
        """Every command with its name."""
        return {
            "status": self._show_status,
            "health": self._health,
            "stop": self._stop,
            "pause": self._switch(TradingMode.ENTRIES_OFF),
            "reduce": self._switch(TradingMode.REDUCE_ONLY),
            "freeze": self._switch(TradingMode.FREEZE),
            "resume": self._switch(TradingMode.RUNNING),
            "flatten": self._flatten,
            "close": self._close,
            "sync": self._sync,
            "settings": self._settings,
            "reload": self._reload,
            "set": self._set,
            "unset": self._unset,
            "adopt": self._adopt,
            "reset-limits": self._reset_limits,
            "strategy": self._strategy,
        }

    async def _show_status(self, _: Arguments) -> dict[str, Any]:
        return self._status.collect()

    async def _health(self, _: Arguments) -> dict[str, Any]:
        return health(self._x, self._status)

    async def _stop(self, _: Arguments) -> dict[str, Any]:
        self._stop_run()
        return {"status": "stopping"}

    async def _settings(self, _: Arguments) -> dict[str, Any]:
        """The settings that a reload takes over, as they hold now, and which a command changed."""
        settings = self._x.services.settings
        return {"settings": hot_settings(settings), "changed": read_changed(settings.paths.state)}

    async def _set(self, arguments: Arguments) -> dict[str, Any]:
        """Change one hot setting; it holds over restarts."""
        return self._change_setting(
            str(arguments.get("setting", "")), str(arguments.get("value", ""))
        )

    async def _unset(self, arguments: Arguments) -> dict[str, Any]:
        """Undo the change of a setting: the settings file holds again."""
        return self._change_setting(str(arguments.get("setting", "")), None)

    async def _reload(self, _: Arguments) -> dict[str, Any]:
        return self._reload_settings(BY_OPERATOR)

    def _switch(self, mode: TradingMode) -> Command:
        async def command(_: Arguments) -> dict[str, Any]:
            self._change(mode)
            return self._mode()

        return command

    def _change(self, mode: TradingMode) -> None:
        change_mode(self._x.services, self._x.trading_state, mode, BY_OPERATOR)

    def _mode(self) -> dict[str, Any]:
        trading_state = self._x.trading_state
        return {
            "halt": trading_state.mode.value,
            "entries": trading_state.entries,
            "why": trading_state.why,
        }

    async def _flatten(self, _: Arguments) -> dict[str, Any]:
        """Close everything at market, later fills included, and check with the exchange.

        The mode stays `flatten` until an operator resumes.
        """
        self._change(TradingMode.FLATTEN)
        for holding in list(self._x.portfolio.holdings()):
            self._x.closer.close(holding, "flatten", None)
        try:
            async with asyncio.timeout(FLAT_WITHIN_S):
                while any(True for _ in self._x.portfolio.holdings()):
                    await asyncio.sleep(LOOK_S)
            left = await self._positions_left()
        except (TimeoutError, VenueFaultError) as error:
            return {"error": f"not flat yet, still closing: {error!r}"}
        return {"flat": not left, "positions": left}

    async def _positions_left(self) -> list[InstrumentId]:
        """What is still open at the venues; the account's own balances are no positions."""
        services = self._x.services
        margin = [venue for venue in services.venues if venue.capabilities.margin]
        listed = await asyncio.gather(*(venue.positions() for venue in margin))
        return [position.symbol for found in listed for position in found]

    async def _close(self, arguments: Arguments) -> dict[str, Any]:
        wanted = str(arguments.get("symbol", ""))
        found = [h for h in self._x.portfolio.holdings() if h.filled and _names(wanted, h.symbol)]
        if len(found) != 1:
            held = ", ".join(sorted(h.symbol for h in self._x.portfolio.holdings())) or "nothing"
            why = "several positions" if found else "no position"
            return {"error": f"{why} in {wanted or 'no symbol'}; held: {held}"}
        holding, symbol = found[0], found[0].symbol
        self._x.closer.close(holding, BY_OPERATOR, None)
        try:
            async with asyncio.timeout(FLAT_WITHIN_S):
                await holding.closed.wait()
        except TimeoutError:
            return {"error": f"{symbol} is not closed yet, still closing"}
        return {"closed": symbol}

    async def _adopt(self, arguments: Arguments) -> dict[str, Any]:
        """Take a foreign position over with the stop that the operator names."""
        wanted, text = str(arguments.get("symbol", "")), str(arguments.get("stop", ""))
        slots = [s for s in self._x.portfolio.slots.values() if _names(wanted, s.symbol)]
        if len(slots) != 1:
            foreign = [s.symbol for s in self._x.portfolio.slots.values() if s.foreign]
            seen = ", ".join(sorted(foreign)) or "none"
            return {"error": f"no one instrument is named {wanted!r}; foreign positions: {seen}"}
        try:
            stop = float(text)
            if not math.isfinite(stop):
                raise ValueError(text)
            row = await self._x.takeover.take(slots[0].symbol, stop)
        except ValueError:
            return {"error": f"the stop {text!r} is not a price"}
        except (SettingsError, VenueFaultError) as error:
            return {"error": str(error)}
        return {"adopted": row.symbol, "position": row.id, "stop": row.stop_price}

    async def _reset_limits(self, _: Arguments) -> dict[str, Any]:
        """Forget pauses, cool-downs and counts of today; the daily loss limit stays."""
        services, now = self._x.services, self._x.services.clock.now_ms()
        backup = services.settings.paths.state / "backups" / f"ledger-{time.time_ns()}.sqlite"
        try:
            await services.ledger.backup(backup)
        except SettingsError as error:
            return {"error": str(error)}
        services.ledger.set_meta(LIMITS_RESET, str(now))
        self._x.shock.lift()
        services.emit(EventType.LIMITS_RESET, by=BY_OPERATOR, backup=str(backup))
        return {"reset": True, "backup": str(backup)}

    async def _strategy(self, arguments: Arguments) -> dict[str, Any]:
        """Switch a strategy's entries on or off; what it holds goes on."""
        name, state = str(arguments.get("strategy", "")), str(arguments.get("state", ""))
        if state not in ("on", "off"):
            return {"error": f"a strategy is switched 'on' or 'off', not {state!r}"}
        try:
            get_strategy(name)
        except ParameterError as error:
            return {"error": str(error)}
        trading_state = self._x.trading_state
        switch_strategy(self._x.services, trading_state, name, on=state == "on")
        why = strategy_is_off(self._x.services, trading_state, name)
        return {"strategy": name, "on": not why, "why": why}

    async def _sync(self, _: Arguments) -> dict[str, Any]:
        done = await self._x.reconciler.run_once()
        if not done:
            return {"error": "the exchange could not be asked; see executor.log"}
        return {"reconciled": True, "positions": [h.symbol for h in self._x.portfolio.holdings()]}


def _names(text: str, symbol: InstrumentId) -> bool:
    """Whether an operator's text names an instrument: with its venue, or the symbol alone."""
    return text.casefold() in (symbol.casefold(), symbol_of(symbol).casefold())
