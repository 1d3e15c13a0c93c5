"""The spot engine's state and its elementary changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.engines.common.copies import copier
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO, money
from sandbox.engines.common.order_book import PREVENTED
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.common.state import BaseCore
from sandbox.engines.spot.model import (
    PENDING,
    BalanceChange,
    BalanceSnapshot,
    ListChanged,
    OrderList,
    OrderReport,
    PreventedMatch,
    SpotAccount,
    SpotEvent,
    SpotFill,
    SpotOrder,
)

copy_order = copier(SpotOrder)
# The BNB price where the recording has no BNBUSDT candles.
BNB_PRICE = Decimal(600)
# The share of a fee that is due when it is paid in BNB.
BNB_RATE = Decimal("0.75")
STABLE = ("USDT", "USDC", "FDUSD", "BUSD")
FEES = Fees(maker=Decimal("0.001"), taker=Decimal("0.001"))


@dataclass(slots=True)
class SpotCore(BaseCore[RecordedMarket, SpotAccount, SpotEvent]):
    """The state of the spot engine; ``due`` are lists (account, id) whose working order filled."""

    fees: Fees = FEES
    last_order_id: int = 28_000_000_000
    last_trade_id: int = 3_500_000_000
    last_list_id: int = 0
    last_reference: int = 60_000_000_000
    last_execution: int = 0
    last_allocation: int = -1
    last_prevented: int = -1
    due: list[tuple[str, int]] = field(default_factory=list)

    def add_market(self, instrument: ExchangeInstrument) -> None:
        """List a symbol."""
        self.markets[instrument.symbol] = RecordedMarket(instrument)

    def resting(self, symbol: str) -> list[SpotOrder]:
        """Return the working limit orders of all accounts in ``symbol``."""
        return [
            order
            for account in self.accounts.values()
            for order in account.open_orders.values()
            if order.symbol == symbol and order.working and order.limited
        ]

    def record_order(self, order: SpotOrder, execution: str, fill: SpotFill | None = None) -> None:
        """Record a change of ``order``, with a copy of it."""
        self.last_execution += 1
        shown = copy_order(order)
        self.events.append(
            OrderReport(order.account, self.now, execution, shown, fill, self.last_execution)
        )

    def record_list(self, account: SpotAccount, found: OrderList) -> None:
        """Record a change of an order list."""
        pairs = tuple((i, account.orders[i].client_id) for i in found.order_ids)
        self.events.append(
            ListChanged(
                account.name, self.now, found.list_id, found.client_id, found.symbol, found.status,
                found.order_status, pairs, found.contingency,
            )
        )  # fmt: skip

    def record_balances(self, account: SpotAccount, *assets: str) -> None:
        """Record the current balances of ``assets``."""
        account.update_time = self.now
        shown = tuple((name, account.free(name), account.locked[name]) for name in assets)
        self.events.append(BalanceSnapshot(account.name, self.now, shown))

    def credit(
        self, account: SpotAccount, kind: str, asset: str, amount: Decimal, reference: int = 0
    ) -> None:
        """Change a total by ``amount``. No balance changes in any other way."""
        if not amount:
            return
        account.totals[asset] += amount
        self.last_reference += 1
        self.events.append(
            BalanceChange(
                account.name, kind, asset, amount, account.totals[asset], self.now,
                reference or self.last_reference,
            )
        )  # fmt: skip

    def fill(
        self,
        order: SpotOrder,
        quantity: Decimal,
        price: Decimal,
        *,
        maker: bool,
        trade_id: int = 0,
        allocation: int = -1,
    ) -> SpotFill:
        """Trade ``quantity`` of ``order`` at ``price``; the fee is taken from what is received."""
        account = self.accounts[order.account]
        instrument = self.markets[order.symbol].instrument
        rate = self.fees.maker if maker else self.fees.taker
        value = quantity * price
        trade_id = trade_id or self.next_trade_id()
        order.spent += value
        order.floor = "EXCHANGE" if allocation < 0 else "SOR"
        order.add_fill(quantity, self.now)
        fee, fee_asset = self._fee(account, order, quantity, value, rate)
        if order.buying:
            self.credit(account, "TRADE", instrument.quote, -value, trade_id)
            self.credit(account, "TRADE", instrument.base, quantity, trade_id)
        else:
            self.credit(account, "TRADE", instrument.base, -quantity, trade_id)
            self.credit(account, "TRADE", instrument.quote, value, trade_id)
        self.credit(account, "FEE", fee_asset, -fee, trade_id)
        if not order.open:
            account.open_orders.pop(order.order_id, None)
        self.hold(order)
        fill = SpotFill(
            account=account.name,
            trade_id=trade_id,
            order_id=order.order_id,
            client_id=order.client_id,
            list_id=order.list_id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_asset=fee_asset,
            maker=maker,
            time=self.now,
            allocation=allocation,
        )
        account.fills.append(fill)
        self.record_order(order, "TRADE", fill)
        self.record_balances(
            account, *dict.fromkeys((instrument.base, instrument.quote, fee_asset))
        )
        return fill

    def _fee(
        self,
        account: SpotAccount,
        order: SpotOrder,
        quantity: Decimal,
        value: Decimal,
        rate: Decimal,
    ) -> tuple[Decimal, str]:
        """Return the fee and its asset: the received one, or BNB where the account burns it."""
        instrument = self.markets[order.symbol].instrument
        if account.burn:
            in_bnb = value * rate * BNB_RATE * self.value(instrument.quote) / self.value("BNB")
            if 0 < money(in_bnb) <= account.free("BNB"):
                return money(in_bnb), "BNB"
        if order.buying:
            return money(quantity * rate), instrument.base
        return money(value * rate), instrument.quote

    def value(self, asset: str) -> Decimal:
        """Return an asset's price in USDT; 0 when it is unknown."""
        if asset in STABLE:
            return Decimal(1)
        market = self.markets.get(f"{asset}USDT")
        if market is not None and market.price:
            return market.price
        return BNB_PRICE if asset == "BNB" else ZERO

    def hold(self, order: SpotOrder) -> None:
        """Reserve what an open order, or the costliest leg of its list, may cost."""
        account = self.accounts[order.account]
        instrument = self.markets[order.symbol].instrument
        asset = instrument.quote if order.buying else instrument.base
        key = self.reserve_key(order)
        if key[0] == "order":
            account.reserve(key, asset, self.cost(order))
            return
        legs = (account.orders[i] for i in account.lists[order.list_id].pair)
        most = max((self.cost(leg) for leg in legs), default=ZERO)
        account.reserve(key, asset, most)

    def reserve_key(self, order: SpotOrder) -> tuple[str, int]:
        """Return whether an order reserves for itself or for the pair that it belongs to."""
        if order.list_id >= 0:
            pair = self.accounts[order.account].lists[order.list_id].pair
            if order.order_id in pair and len(pair) > 1:
                return "list", order.list_id
        return "order", order.order_id

    def cost(self, order: SpotOrder) -> Decimal:
        """Return what an order may still cost: base for a SELL, quote for a BUY, 0 if ended."""
        if not order.open or order.status == PENDING:
            return ZERO
        if not order.buying:
            return order.remaining
        price = order.price or order.stop_price
        if price:
            return order.remaining * price
        return self.markets[order.symbol].value("BUY", order.remaining)

    def add_prevented_match(
        self, taker: SpotOrder, maker: SpotOrder, ending: Sequence[SpotOrder]
    ) -> None:
        """Record that two orders of one account did not trade, before those of ``ending`` end."""
        self.last_prevented += 1
        match = PreventedMatch(
            symbol=taker.symbol,
            match_id=self.last_prevented,
            taker_id=taker.order_id,
            maker_id=maker.order_id,
            mode=taker.prevention,
            price=maker.price,
            quantity=min(taker.remaining, maker.remaining),
            taker_quantity=taker.remaining if taker in ending else ZERO,
            maker_quantity=maker.remaining if maker in ending else ZERO,
            time=self.now,
        )
        self.accounts[taker.account].prevented.append(match)
        for order in ending:
            order.ended_by = match

    def end(self, order: SpotOrder, status: str, *, expiry: str = "") -> None:
        """End an order as CANCELED, EXPIRED or EXPIRED_IN_MATCH (a TRADE_PREVENTION execution)."""
        account = self.accounts[order.account]
        instrument = self.markets[order.symbol].instrument
        order.status, order.update_time, order.expiry = status, self.now, expiry
        account.open_orders.pop(order.order_id, None)
        self.hold(order)
        self.record_order(order, "TRADE_PREVENTION" if status == PREVENTED else status)
        self.record_balances(account, instrument.quote if order.buying else instrument.base)
