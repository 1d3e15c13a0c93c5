"""A signal: one decision to enter or exit, with everything that its order needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.model import InstrumentId
from executor.risk.evidence_size import FULL_SIZE, EvidenceSize


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices that came with a decision; None where the parameters give the level."""

    stop: float | None = None
    target: float | None = None
    atr: float | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A decision of one strategy on one symbol.

    ``price`` is the close of the candle that decided and ``bar_time`` its open time in ms;
    ``params`` are the parameters of the release that the strategy decided with.
    """

    strategy: str
    symbol: InstrumentId
    action: str
    side: int
    reason: str
    values: Mapping[str, float]
    levels: Levels
    confidence: float | None
    price: float
    bar_time: int
    params: Mapping[str, Any]
    release_id: str
    release_short: str
    key: str
    """The common part of its orders' ids: see `trading.order_ids.order_key`."""
    size: EvidenceSize = FULL_SIZE
    """Share of the limits that the evidence behind the strategy allows, and that evidence."""
    overrides: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Parameters that the settings replace: that of the release, and that of the settings."""
    forecast: Mapping[str, Any] = field(default_factory=dict)
    """Facts of the published forecast that decided; empty for a strategy that reads none."""

    def as_data(self) -> Mapping[str, Any]:
        """The values that the ledger stores; the parameters go into the position's row."""
        return {
            "strategy": self.strategy,
            "action": self.action,
            "side": self.side,
            "reason": self.reason,
            "values": self.values,
            "atr": self.levels.atr,
            "stop_price": self.levels.stop,
            "target_price": self.levels.target,
            "confidence": self.confidence,
            "price": self.price,
            "bar_time": self.bar_time,
            "release_id": self.release_id,
            "release_short": self.release_short,
            "size_share": self.size.share,
            "evidence": self.size.evidence,
            **({"forecast": dict(self.forecast)} if self.forecast else {}),
            **({"overrides": dict(self.overrides)} if self.overrides else {}),
        }
