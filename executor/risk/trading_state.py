"""Halt modes: what the operator, a limit or a fault has switched off, and for how long.

=============  ========  =====================  ==========================================
mode           entries   exits by rules         protection
=============  ========  =====================  ==========================================
running        yes       yes                    converges
entries-off    no        yes                    converges
reduce-only    no        yes                    converges
flatten        no        everything is closed   converges until flat
freeze         no        no                     a missing stop is placed; nothing is moved
=============  ========  =====================  ==========================================

``entries-off`` opens no position; ``reduce-only`` sends nothing at all that makes one larger. Both
also hold back the next attempt of an entry that is under way. The mode is kept in the ledger: a
restart does not lift it. The promise that every position has a stop or is flat holds in every mode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class TradingMode(StrEnum):
    """How much the executor may do."""

    RUNNING = "running"
    ENTRIES_OFF = "entries-off"
    REDUCE_ONLY = "reduce-only"
    FLATTEN = "flatten"
    FREEZE = "freeze"


MODE_META = "halt"
BY_OPERATOR = "operator"
_STICKY = frozenset({"stopping", "permissions"})
"""Blocks that an operator's `resume` does not lift."""


@dataclass
class TradingState:
    """The mode, and named reasons for which there are no entries; exits are never blocked."""

    mode: TradingMode = TradingMode.RUNNING
    blocks: dict[str, str] = field(default_factory=dict)

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
        """No entries for this reason."""
        self.blocks[name] = why

    def resume(self) -> None:
        """Running again; what an operator cannot judge stays."""
        self.mode = TradingMode.RUNNING
        self.blocks = {name: why for name, why in self.blocks.items() if name in _STICKY}

    def may_close(self, reason: str, leg: str) -> bool:
        """Whether a close may be sent: frozen, only for safety (leg ``em``) or by the operator."""
        return self.mode is not TradingMode.FREEZE or leg == "em" or reason == BY_OPERATOR
