"""The futures engine's state and its elementary changes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.copies import copier
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.state import BaseCore
from sandbox.engines.usdm.events import AccountChanged, AlgoChanged, OrderChanged, UsdmEvent
from sandbox.engines.usdm.model import (
    AlgoOrder,
    Income,
    UsdmAccount,
    UsdmFill,
    UsdmMarket,
    UsdmOrder,
    UsdmPosition,
)

copy_order, copy_algo, copy_position = copier(UsdmOrder), copier(AlgoOrder), copier(UsdmPosition)


@dataclass(slots=True)
class UsdmCore(BaseCore[UsdmMarket, UsdmAccount, UsdmEvent]):
    """The state of the futures engine; ``dying_children`` child orders will expire unfilled."""

    last_order_id: int = 8_000_000_000
    last_algo_id: int = 1_000_000_000_000_000
    last_trade_id: int = 500_000_000
    last_transaction: int = 9_000_000_000
    dying_children: int = 0

    def add_market(self, instrument: ExchangeInstrument) -> None:
        """List a symbol."""
        self.markets[instrument.symbol] = UsdmMarket(instrument)

    def next_order_id(self) -> int:
        """Return a new id of the matching engine."""
        self.last_order_id += 1
        return self.last_order_id

    def next_algo_id(self) -> int:
        """Return a new id of the algo service (a separate id space)."""
        self.last_algo_id += 1
        return self.last_algo_id

    def resting(self, symbol: str) -> list[UsdmOrder]:
        """Return the open orders of all accounts in ``symbol`` that have a limit price."""
        return [
            order
            for account in self.accounts.values()
            for order in account.open_orders.values()
            if order.symbol == symbol and order.price
        ]

    def record_order(self, order: UsdmOrder, execution: str, fill: UsdmFill | None = None) -> None:
        """Record a change of ``order``; an open order is copied, an ended one no longer changes."""
        shown = copy_order(order) if order.open else order
        self.events.append(OrderChanged(order.account, self.now, execution, shown, fill))

    def record_algo(self, algo: AlgoOrder) -> None:
        """Record a change of ``algo``, with a copy of it."""
        self.events.append(AlgoChanged(algo.account, self.now, copy_algo(algo)))

    def record_account(
        self, account: UsdmAccount, reason: str, change: Decimal, changed: tuple[UsdmPosition, ...]
    ) -> None:
        """Record the wallet and copies of the positions that changed."""
        positions = tuple(copy_position(position) for position in changed)
        marks = tuple(self.markets[position.symbol].mark for position in changed)
        self.events.append(
            AccountChanged(
                account.name,
                self.now,
                reason,
                account.wallet,
                account.cross_wallet,
                change,
                positions,
                marks,
            )
        )

    def credit(
        self, account: UsdmAccount, kind: str, amount: Decimal, symbol: str = "", trade_id: int = 0
    ) -> None:
        """Change the wallet by ``amount``. No wallet changes in any other way."""
        account.wallet += amount
        self.last_transaction += 1
        income = Income(
            account.name,
            kind,
            symbol,
            amount,
            self.now,
            self.last_transaction,
            trade_id,
            account.wallet,
        )
        account.incomes.append(income)
        self.events.append(income)
