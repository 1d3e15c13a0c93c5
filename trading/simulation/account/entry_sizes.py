"""How large the entries on an account are (kernels)."""

from __future__ import annotations

from trading.jit.kernel import kernel
from trading.positions.entry_risk import (
    BY_ENSEMBLE,
    BY_FORECAST,
    BY_NOTHING,
    size_by_risk,
    sizes_by_risk,
)
from trading.positions.exit_rules import R_SIZE_SHARE, R_SLIPPAGE, RULES_SIZE
from trading.positions.lifecycle import BOUND_BY
from trading.positions.sizing import planned_of
from trading.simulation.account.layout import AccountBuffers, StrategyColumns


@kernel
def entry_share(traded: StrategyColumns, s: int, decided: int) -> float:
    """Return the largest share of the equity that the entry decided at ``decided`` starts with.

    It is a share of the margin for entries that are sized by risk, else of the notional.
    """
    own = traded.rules[s * RULES_SIZE + R_SIZE_SHARE]
    if len(traded.shares) == 0:
        return own
    return min(own, traded.shares[decided] / planned_of(traded.rules, s * RULES_SIZE))


@kernel
def has_no_share(traded: StrategyColumns, decided: int) -> bool:
    """Whether the entry decided at ``decided`` may take nothing."""
    return len(traded.shares) > 0 and traded.shares[decided] <= 0.0


@kernel
def scale_of(traded: StrategyColumns, decided: int) -> float:
    """Return the share of its size that the forecast leaves the entry decided at ``decided``."""
    return traded.scales[decided] if len(traded.scales) > 0 else 1.0


@kernel
def swing_of(traded: StrategyColumns, decided: int) -> float:
    """Return the move behind the leverage of the entry decided at ``decided``."""
    return traded.swings[decided] if len(traded.swings) > 0 else traded.atrs[decided]


@kernel
def sized_by(
    account: AccountBuffers,
    traded: StrategyColumns,
    s: int,
    decided: int,
    equity: float,
    price: float,
    fee: float,
) -> float:
    """Return the units of the entry of strategy ``s``, whose life was begun at its ``price``."""
    at, share = s * RULES_SIZE, entry_share(traded, s, decided)
    scale = scale_of(traded, decided)
    if not sizes_by_risk(traded.rules, at):
        return equity * share / price * scale
    life, slip = account.life, traded.rules[at + R_SLIPPAGE]
    quantity = size_by_risk(life, traded.rules, at, equity, share, fee, slip)
    if life[BOUND_BY] != BY_NOTHING and share < traded.rules[at + R_SIZE_SHARE]:
        life[BOUND_BY] = BY_ENSEMBLE
    if scale < 1.0:
        life[BOUND_BY] = BY_FORECAST
    return quantity * scale
