"""The operator's commands over the control socket; the ledger records every change of mode."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from executor.builder import Executor
from executor.model import InstrumentId, symbol_of
from executor.operations.health import health
from executor.operations.status import Status
from executor.risk.trading_state import BY_OPERATOR, TradingMode, change_mode
from executor.venues.faults import VenueFaultError

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
    ) -> None:
        self._x = executor
        self._status = status
        self._stop_run = stop
        self._reload_settings = reload

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
            "reload": self._reload,
        }

    async def _show_status(self, _: Arguments) -> dict[str, Any]:
        return self._status.collect()

    async def _health(self, _: Arguments) -> dict[str, Any]:
        return health(self._x, self._status)

    async def _stop(self, _: Arguments) -> dict[str, Any]:
        self._stop_run()
        return {"status": "stopping"}

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

    async def _sync(self, _: Arguments) -> dict[str, Any]:
        done = await self._x.reconciler.run_once()
        if not done:
            return {"error": "the exchange could not be asked; see executor.log"}
        return {"reconciled": True, "positions": [h.symbol for h in self._x.portfolio.holdings()]}


def _names(text: str, symbol: InstrumentId) -> bool:
    """Whether an operator's text names an instrument: with its venue, or the symbol alone."""
    return text.casefold() in (symbol.casefold(), symbol_of(symbol).casefold())
