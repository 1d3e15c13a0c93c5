"""Faults that happen to the exchange or to an account at once, not to a request."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.clock import wall_ms
from sandbox.connection import Connection
from sandbox.engine import liquidation, orders
from sandbox.engine.model import Account
from sandbox.errors import ExchangeError
from sandbox.faults import EVENTS, STREAMS, Fault
from sandbox.numbers import decimals_of
from sandbox.usdm.exchange import Exchange
from trading.errors import SettingsError

TOLERANCE = 3


class Mischief:
    """Strikes a USDⓈ-M exchange with what its bad days bring."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._checkpoint: bytes = b""
        self._mark: dict[str, int] = {}
        self._actions: dict[str, Callable[[Fault], None]] = {
            "skew": lambda fault: exchange.faults.set_skew(fault.seconds),
            "drift": lambda fault: exchange.faults.set_drift(fault.seconds),
            "rate_limit_window": self._close_limits,
            "maintenance": self._maintain,
            "checkpoint": self._remember,
            "restart": self._restart,
            "kill_child": self._kill_children,
            "set_filter": self._set_filter,
            "set_status": self._set_status,
            "liquidate": self._liquidate,
            "adl": self._deleverage,
            "foreign_order": self._foreign_order,
            "foreign_cancel": self._foreign_cancel,
            "foreign_leverage": self._foreign_leverage,
            "price_jump": self._price_jump,
            "funding": self._fund,
        }
        assert set(self._actions) == set(EVENTS)

    async def strike(self, fault: Fault) -> None:
        """Let a fault happen now; ``SettingsError`` when it cannot."""
        exchange = self._exchange
        exchange.faults.struck += 1
        if fault.kind in STREAMS:
            self._strike_streams(fault)
        else:
            try:
                self._actions[fault.kind](fault)
            except (ExchangeError, InvalidOperation, KeyError) as error:
                raise SettingsError(f"fault {fault.kind}: {error}") from error
        await exchange.publish()

    def _strike_streams(self, fault: Fault) -> None:
        exchange, kind = self._exchange, fault.kind
        if kind == "expire_listen_key":
            exchange.expire_listen_keys(force=True)
            return
        if kind == "server_shutdown":
            for connection in list(exchange.hub.connections):
                event = b'{"e":"serverShutdown","E":%d}' % exchange.now
                connection.answer(event)
            self._later(fault.seconds, self._disconnect_all)
            return
        private = kind.endswith("user")
        for connection in list(exchange.hub.connections):
            if (connection.category == "private") == private:
                _strike(connection, kind)

    def _later(self, seconds: float, action: Callable[[], Any]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    def _disconnect_all(self) -> None:
        for connection in list(self._exchange.hub.connections):
            connection.writer.cancel()

    def _close_limits(self, fault: Fault) -> None:
        length = int(fault.seconds * 1000)
        self._exchange.limits.close_for(length, max(fault.count, TOLERANCE), wall_ms())

    def _maintain(self, fault: Fault) -> None:
        self._exchange.faults.maintenance_until = wall_ms() + int(fault.seconds * 1000)
        self._disconnect_all()

    def _remember(self, fault: Fault) -> None:
        del fault
        self._checkpoint = self._exchange.engine.freeze()
        self._mark = self._exchange.ledger.mark()

    def _restart(self, fault: Fault) -> None:
        """Out for ``seconds``; with ``rollback`` the state since the checkpoint is lost."""
        exchange = self._exchange
        exchange.faults.outage_until = wall_ms() + int(fault.seconds * 1000)
        self._disconnect_all()
        if not fault.rollback:
            return
        if not self._checkpoint:
            raise SettingsError("fault restart: rollback needs a checkpoint before it")
        exchange.engine.thaw(self._checkpoint)
        span = {"from": self._mark, "to": exchange.ledger.mark()}
        exchange.ledger.write_event(exchange.now, wall_ms(), "", "rollback", span)

    def _kill_children(self, fault: Fault) -> None:
        self._exchange.engine.core.dying_children += fault.count

    def _set_filter(self, fault: Fault) -> None:
        changes: dict[str, Any] = {}
        if fault.tick:
            tick = Decimal(fault.tick)
            changes |= {"tick": tick, "price_precision": decimals_of(tick)}
        if fault.step:
            step = Decimal(fault.step)
            changes |= {
                "step": step, "min_quantity": step, "quantity_precision": decimals_of(step),
            }  # fmt: skip
        self._replace(fault.symbol, changes)

    def _set_status(self, fault: Fault) -> None:
        self._replace(fault.symbol, {"status": fault.status or "TRADING"})

    def _replace(self, symbol: str, changes: dict[str, Any]) -> None:
        exchange = self._exchange
        market = exchange.engine.core.market(symbol)
        market.instrument = dataclasses.replace(market.instrument, **changes)
        exchange.feeds[symbol].instrument = market.instrument

    def _account(self, fault: Fault) -> Account:
        accounts = self._exchange.engine.core.accounts
        return accounts[fault.account] if fault.account else next(iter(accounts.values()))

    def _liquidate(self, fault: Fault) -> None:
        account = self._account(fault)
        position = account.position(fault.symbol)
        if not position.amount:
            raise SettingsError(f"fault liquidate: {account.name} holds no {fault.symbol}")
        liquidation.liquidate(self._exchange.engine.core, account, position)

    def _deleverage(self, fault: Fault) -> None:
        account = self._account(fault)
        position = account.position(fault.symbol)
        if not position.amount:
            raise SettingsError(f"fault adl: {account.name} holds no {fault.symbol}")
        held = abs(position.amount)
        quantity = min(held, Decimal(fault.quantity)) if fault.quantity else held
        liquidation.deleverage(self._exchange.engine.core, account, position, quantity)

    def _foreign_order(self, fault: Fault) -> None:
        """An order by hand, or by another program, on the same account."""
        request = orders.NewOrder(
            symbol=fault.symbol,
            side=fault.side,
            type="LIMIT" if fault.price else "MARKET",
            quantity=Decimal(fault.quantity),
            price=Decimal(fault.price or 0),
            client_id=f"web_{self._exchange.engine.core.last_order_id + 1}",
        )
        self._exchange.engine.place(self._account(fault), request)

    def _foreign_cancel(self, fault: Fault) -> None:
        """Somebody else cancels all orders of the symbol, conditional ones too."""
        engine, account = self._exchange.engine, self._account(fault)
        engine.cancel_all(account, fault.symbol)
        engine.cancel_all_algos(account, fault.symbol)

    def _foreign_leverage(self, fault: Fault) -> None:
        self._exchange.engine.set_leverage(self._account(fault), fault.symbol, fault.leverage)

    def _price_jump(self, fault: Fault) -> None:
        """One print at ``price``, outside of the recording; the path goes on from there."""
        self._exchange.feeds[fault.symbol].move(self._exchange.now, Decimal(fault.price))
        self._exchange.engine.on_price(fault.symbol, Decimal(fault.price))

    def _fund(self, fault: Fault) -> None:
        self._exchange.engine.apply_funding(fault.symbol, Decimal(fault.quantity or "0.0001"))


def _strike(connection: Connection, kind: str) -> None:
    if kind.startswith("mute"):
        connection.muted = True
    elif kind.startswith("half_open"):
        connection.half_open()
    else:
        connection.writer.cancel()
