"""What an account simulation gives back: trades, fills, equity and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy import str_

from trading.candles import Floats, Integers
from trading.positions.entry_risk import BOUNDS
from trading.positions.position import REASONS
from trading.simulation.account.layout import (
    AMBIGUOUS_CANDLES,
    FILL_LOG_WIDTH,
    FUNDING,
    REFUSALS,
    TRADE_FLOATS,
    TRADE_INTS,
    WALLET,
    AccountBuffers,
    AccountLog,
    FillLog,
)


@dataclass(frozen=True)
class AccountFills:
    """Fills in order of their time (ms), in columns; ``quantity`` is above 0 into the position.

    ``place`` is the strategy's position in those given; ``reason`` is empty for an entry.
    """

    place: Integers
    time: Integers
    reason: npt.NDArray[str_]
    quantity: Floats
    price: Floats

    @classmethod
    def of(cls, log: FillLog) -> AccountFills:
        """Return the fills that a run at an exchange has written."""
        made = np.asarray(log.parts[: FILL_LOG_WIDTH * int(log.made[0])])
        place, time, code, quantity, price = made.reshape(-1, FILL_LOG_WIDTH).T
        reason = np.array(REASONS)[code.astype(np.int64)]
        return cls(place.astype(np.int64), time.astype(np.int64), reason, quantity, price)


@dataclass(frozen=True)
class AccountResult:
    """Trades of all strategies in order of their exit, in columns, and the account.

    ``place`` is the strategy's position in those given; ``profit`` is in quote currency, after fees
    and funding. ``risk_wanted``, ``risk_taken`` and ``bound_by`` are those of
    `trading.simulation.results.Trades`; ``spent`` is in quote currency. ``equity`` is that at the
    close of each of ``moments`` (opens of candles, ms). ``refused`` counts the entries that were
    not allowed, by reason. With the profile `exchange` the times of trades are those of their
    fills; ``fills`` has the fills.
    """

    place: Integers
    entry_time: Integers
    exit_time: Integers
    side: Integers
    entry_price: Floats
    exit_price: Floats
    quantity: Floats
    profit: Floats
    reason: npt.NDArray[str_]
    risk_wanted: Floats
    risk_taken: Floats
    bound_by: npt.NDArray[str_]
    spent: Floats
    moments: Integers
    equity: Floats
    wallet: float
    funding_paid: float
    ambiguous_candles: int
    refused: Mapping[str, int]
    fills: AccountFills | None = None

    def __len__(self) -> int:
        return len(self.place)

    @classmethod
    def of(
        cls,
        log: AccountLog,
        account: AccountBuffers,
        moments: Integers,
        fills: AccountFills | None = None,
    ) -> AccountResult:
        """Return what a run has written; with ``fills`` its times are of fills, else moments."""
        count = int(log.made[0])
        whole = np.asarray(log.whole[: TRADE_INTS * count], dtype=np.int64)
        parts = np.asarray(log.parts[: TRADE_FLOATS * count], dtype=np.float64)
        place, entered, left, code, side, bound = whole.reshape(-1, TRADE_INTS).T
        entry, closed, quantity, profit, wanted, taken, spent = parts.reshape(-1, TRADE_FLOATS).T
        return cls(
            place=place,
            entry_time=moments[entered] if fills is None else entered,
            exit_time=moments[left] if fills is None else left,
            side=side,
            entry_price=entry,
            exit_price=closed,
            quantity=quantity,
            profit=profit,
            reason=np.array(REASONS)[code],
            risk_wanted=wanted,
            risk_taken=taken,
            bound_by=np.array(BOUNDS)[bound],
            spent=spent,
            moments=moments,
            equity=np.asarray(log.equity, dtype=np.float64),
            wallet=float(account.money[WALLET]),
            funding_paid=float(account.money[FUNDING]),
            ambiguous_candles=int(account.money[AMBIGUOUS_CANDLES]),
            refused={name: int(n) for name, n in zip(REFUSALS, account.refused, strict=True)},
            fills=fills,
        )
