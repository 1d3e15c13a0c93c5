"""What an operator may order over the control socket; every change of mode is in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from executor.builder import Executor
from executor.operations.health import health
from executor.risk.trading_state import BY_OPERATOR, TradingMode
from executor.venues.faults import VenueFaultError

FLAT_WITHIN_S = 20.0
LOOK_S = 0.05

Arguments = Mapping[str, Any]
Command = Callable[[Arguments], Awaitable[dict[str, Any]]]


class OperatorCommands:
    """The commands, by name."""

    def __init__(
        self,
        parts: Executor,
        stop: Callable[[], None],
        reload: Callable[[str], dict[str, Any]],
    ) -> None:
        self._x = parts
        self._ctx = parts.ctx
        self._stop_run = stop
        self._reload_settings = reload

    @property
    def commands(self) -> dict[str, Command]:
        """Every command with its name."""
        return {
            "status": self._status,
            "health": self._health,
            "stop": self._stop,
            "pause": self._halting(TradingMode.ENTRIES_OFF),
            "reduce": self._halting(TradingMode.REDUCE_ONLY),
            "freeze": self._halting(TradingMode.FREEZE),
            "resume": self._halting(TradingMode.RUNNING),
            "flatten": self._flatten,
            "close": self._close,
            "sync": self._sync,
            "reload": self._reload,
        }

    async def _status(self, _: Arguments) -> dict[str, Any]:
        return self._x.status.collect()

    async def _health(self, _: Arguments) -> dict[str, Any]:
        return health(self._x)

    async def _stop(self, _: Arguments) -> dict[str, Any]:
        self._stop_run()
        return {"status": "stopping"}

    async def _reload(self, _: Arguments) -> dict[str, Any]:
        return self._reload_settings(BY_OPERATOR)

    def _halting(self, mode: TradingMode) -> Command:
        async def command(_: Arguments) -> dict[str, Any]:
            self._ctx.halt(mode, BY_OPERATOR)
            return self._mode()

        return command

    def _mode(self) -> dict[str, Any]:
        trading_state = self._ctx.trading_state
        return {
            "halt": trading_state.mode.value,
            "entries": trading_state.entries,
            "why": trading_state.why,
        }

    async def _flatten(self, _: Arguments) -> dict[str, Any]:
        """Everything closed at market, what fills meanwhile included, and the exchange asked.

        The mode stays `flatten` until an operator resumes.
        """
        self._ctx.halt(TradingMode.FLATTEN, BY_OPERATOR)
        for holding in list(self._ctx.portfolio.holdings()):
            self._x.closer.close(holding, "flatten", None)
        try:
            async with asyncio.timeout(FLAT_WITHIN_S):
                while any(True for _ in self._ctx.portfolio.holdings()):
                    await asyncio.sleep(LOOK_S)
            left = await self._ctx.venue.positions()
        except (TimeoutError, VenueFaultError) as error:
            return {"error": f"not flat yet, still closing: {error!r}"}
        return {"flat": not left, "positions": [p.symbol for p in left]}

    async def _close(self, arguments: Arguments) -> dict[str, Any]:
        symbol = str(arguments.get("symbol", "")).upper()
        holding = self._ctx.portfolio.holding(symbol)
        if holding is None or not holding.filled:
            held = ", ".join(sorted(h.symbol for h in self._ctx.portfolio.holdings())) or "nothing"
            return {"error": f"no position in {symbol or 'no symbol'}; held: {held}"}
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
        return {"reconciled": True, "positions": [h.symbol for h in self._ctx.portfolio.holdings()]}
