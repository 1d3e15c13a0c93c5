"""The engine's state and the few changes that everything else is made of."""

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
    """The state of the futures engine.

    ``dying_children`` conditional orders will trigger a child that expires without a trade.
    """

    last_order_id: int = 8_000_000_000
    last_algo_id: int = 1_000_000_000_000_000
    last_trade_id: int = 500_000_000
    last_transaction: int = 9_000_000_000
    dying_children: int = 0

    def add_market(self, instrument: ExchangeInstrument) -> None:
        """List a symbol."""
        self.markets[instrument.symbol] = UsdmMarket(instrument)

    def next_order_id(self) -> int:
        """A new id of the matching engine."""
        self.last_order_id += 1
        return self.last_order_id

    def next_algo_id(self) -> int:
        """A new id of the algo service (another id space)."""
        self.last_algo_id += 1
        return self.last_algo_id

    def resting(self, symbol: str) -> list[UsdmOrder]:
        """The open orders of all accounts in ``symbol``: every one of them has a limit price."""
        return [
            order
            for account in self.accounts.values()
            for order in account.open_orders.values()
            if order.symbol == symbol
        ]

    def record_order(self, order: UsdmOrder, execution: str, fill: UsdmFill | None = None) -> None:
        """Record a change of ``order`` as it is now; once it has ended it stays as it is."""
        shown = copy_order(order) if order.open else order
        self.events.append(OrderChanged(order.account, self.now, execution, shown, fill))

    def record_algo(self, algo: AlgoOrder) -> None:
        """Record a change of ``algo`` as it is now."""
        self.events.append(AlgoChanged(algo.account, self.now, copy_algo(algo)))

    def record_account(
        self, account: UsdmAccount, reason: str, change: Decimal, changed: tuple[UsdmPosition, ...]
    ) -> None:
        """Record the wallet and the positions that changed as they are now."""
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
        """Change the wallet by ``amount``; the only way in which a wallet ever changes."""
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
