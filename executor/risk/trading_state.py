"""The trading state: what the operator, a limit or a fault has switched off, and for how long.

=============  ========  =====================  ==========================================
mode           entries   exits by rules         protection
=============  ========  =====================  ==========================================
running        yes       yes                    converges
entries-off    no        yes                    converges
reduce-only    no        yes                    converges
flatten        no        everything is closed   converges until flat
freeze         no        no                     a missing stop is placed; nothing is moved
=============  ========  =====================  ==========================================

``entries-off`` opens no position; ``reduce-only`` sends nothing that makes one larger. Both also
hold back the next attempt of an entry in progress. The ledger keeps the mode: a restart does not
lift it. In every mode, every position has a stop or is flat.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from executor.bus.events import EventType
from executor.services import Services
from trading.order_ids import OrderLeg


class TradingMode(StrEnum):
    """How much the executor may do."""

    RUNNING = "running"
    ENTRIES_OFF = "entries-off"
    REDUCE_ONLY = "reduce-only"
    FLATTEN = "flatten"
    FREEZE = "freeze"


MODE_META = "halt"
"""Name under which the ledger stores the mode."""
OFF_META = "strategies_off"
"""Name under which the ledger stores the strategies that are switched off."""
BY_OPERATOR = "operator"
_STICKY = frozenset({"stopping", "permissions", "lease", "golive"})
"""Blocks that an operator's `resume` does not lift."""


@dataclass
class TradingState:
    """The mode, and named reasons against entries; they never block exits."""

    mode: TradingMode = TradingMode.RUNNING
    blocks: dict[str, str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    """Strategies that the operator has switched off."""

    @property
    def entries(self) -> bool:
        """Whether positions may be opened."""
        return self.mode is TradingMode.RUNNING and not self.blocks

    @property
    def why(self) -> str:
        """What stands against entries; empty when nothing does."""
        mode = [] if self.mode is TradingMode.RUNNING else [f"halt mode {self.mode.value}"]
        return "; ".join([*mode, *self.blocks.values()])

    def block(self, name: str, why: str) -> None:
        """Stop entries for this reason."""
        self.blocks[name] = why

    def resume(self) -> None:
        """Run again; blocks that an operator cannot clear stay."""
        self.mode = TradingMode.RUNNING
        self.blocks = {name: why for name, why in self.blocks.items() if name in _STICKY}

    def may_close(self, reason: str, leg: OrderLeg) -> bool:
        """Whether a close may be sent; in `freeze` only emergencies and the operator's closes."""
        frozen = self.mode is TradingMode.FREEZE
        return not frozen or leg is OrderLeg.EMERGENCY or reason == BY_OPERATOR


def strategy_is_off(services: Services, state: TradingState, name: str) -> str:
    """Why a strategy may not open a position or make one larger; empty where it may."""
    if name in state.off:
        return f"strategy {name} is switched off"
    if name in services.settings.strategies.off:
        return f"strategy {name} is off in the settings"
    return ""


def switch_strategy(services: Services, state: TradingState, name: str, *, on: bool) -> None:
    """Switch a strategy durably: a restart does not lift it."""
    state.off = state.off - {name} if on else state.off | {name}
    services.ledger.set_meta(OFF_META, " ".join(sorted(state.off)))
    services.emit(EventType.ENTRIES_CHANGED, strategy=name, entries=on, by=BY_OPERATOR)


def change_mode(services: Services, state: TradingState, mode: TradingMode, by: str) -> None:
    """Change the mode durably: a restart does not lift it."""
    if mode is TradingMode.RUNNING:
        state.resume()
    state.mode = mode
    services.ledger.set_meta(MODE_META, mode.value)
    services.emit(EventType.ENTRIES_CHANGED, entries=state.entries, halt=mode.value, by=by)
