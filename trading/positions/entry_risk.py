"""The size of an entry by its risk, from the levels that the position would have (kernels)."""

from __future__ import annotations

import math

from trading.jit.kernel import Buffer, apart, kernel
from trading.positions.exit_rules import R_SIZE_BY, R_SIZE_RISK
from trading.positions.lifecycle import (
    BOUND_BY,
    ENTRY_ATR,
    GUARDED,
    LEVERAGE,
    QUANTITY,
    RISK_TAKEN,
    RISK_WANTED,
)
from trading.positions.position import EMERGENCY, ENTRY, SIDE, STOP
from trading.positions.sizing import (
    BY_SHARE,
    TOLERANCE,
    most_quantity,
    planned_of,
    unit_loss,
    unit_risk,
    wanted_units,
)

BOUNDS = ("", "max_position_size", "leverage", "ensemble", "brackets", "step", "forecast")
"""What made an entry smaller than its risk allowed, by code."""
BY_NOTHING, BY_POSITION_SIZE, BY_LEVERAGE, BY_ENSEMBLE, BY_BRACKETS, BY_STEP, BY_FORECAST = range(
    len(BOUNDS)
)


@kernel
def protective_level(life: Buffer) -> float:
    """Return the nearest stop that closes everything, NaN without one."""
    side, found = life[SIDE], math.nan
    for level in (life[STOP], life[EMERGENCY], life[GUARDED]):
        if level == level and not side * level <= side * found:
            found = level
    return found


@kernel
def sizes_by_risk(rules: Buffer, at: int) -> bool:
    """Whether entries under these rules are sized by their risk."""
    return rules[at + R_SIZE_BY] != BY_SHARE


@kernel
def stop_loss_of(life: Buffer, fee: float, slippage: float) -> float:
    """Return what a unit of the life loses at its nearest stop, costs included."""
    stop = protective_level(life) * (1.0 - life[SIDE] * slippage)
    return unit_loss(life[ENTRY], stop, fee)


@apart
def size_by_risk(
    life: Buffer, rules: Buffer, at: int, equity: float, share: float, fee: float, slippage: float
) -> float:
    """Return the units that risk what the rules say, within ``share`` of the equity as margin.

    The life was begun at the entry's price with any quantity; it keeps the risk that is wanted and
    what bound the size. With additions the whole plan keeps within both.
    """
    planned = planned_of(rules, at)
    most = most_quantity(equity, life[ENTRY], share, life[LEVERAGE], fee) / planned
    risk = unit_risk(rules, at, stop_loss_of(life, fee, slippage), life[ENTRY_ATR])
    wanted = wanted_units(rules, at, equity, risk) / planned
    life[RISK_WANTED] = rules[at + R_SIZE_RISK]
    life[BOUND_BY] = BY_NOTHING
    if wanted > 0.0 and wanted <= most:
        return wanted
    life[BOUND_BY] = BY_LEVERAGE if share >= 1.0 else BY_POSITION_SIZE
    return most


@kernel
def note_step(life: Buffer, sized: float, quantity: float) -> None:
    """Name the step where whole steps made the entry smaller and nothing else did."""
    if life[BOUND_BY] == BY_NOTHING and quantity < sized * (1.0 - TOLERANCE):
        life[BOUND_BY] = BY_STEP


@kernel
def note_risk(life: Buffer, rules: Buffer, at: int, equity: float, fee: float, slip: float) -> None:
    """Write the share of the equity that the life loses at its stop; NaN if sized by share."""
    if sizes_by_risk(rules, at):
        life[RISK_TAKEN] = life[QUANTITY] * stop_loss_of(life, fee, slip) / equity
    else:
        life[RISK_WANTED] = math.nan
        life[RISK_TAKEN] = math.nan
        life[BOUND_BY] = BY_NOTHING
