"""Incidents: faults that hit the exchange or an account at once rather than a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.api.spot.exchange import SpotExchange
from sandbox.api.stream_connection import StreamConnection
from sandbox.api.usdm.exchange import UsdmExchange
from sandbox.api.venues import Venues
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.money import decimals_of
from sandbox.engines.spot.model import SpotAccount
from sandbox.engines.spot.model import SpotOrderRequest as SpotOrder
from sandbox.engines.usdm import liquidation
from sandbox.engines.usdm.model import UsdmAccount, UsdmPosition
from sandbox.engines.usdm.requests import UsdmOrderRequest
from sandbox.faults.injection import EVENTS, STREAMS, Fault
from sandbox.market.clock import wall_ms
from trading.errors import SettingsError

TOLERANCE = 3


class Incidents:
    """Injects incidents into the venues of a run."""

    def __init__(self, venues: Venues) -> None:
        self._venues = venues
        self._checkpoint: dict[str, bytes] = {}
        self._mark: dict[str, int] = {}
        self._actions: dict[str, Callable[[Fault], None]] = {
            "skew": lambda fault: venues.faults.set_skew(fault.seconds),
            "drift": lambda fault: venues.faults.set_drift(fault.seconds),
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
            "foreign_margin": self._foreign_margin,
            "foreign_mode": self._foreign_mode,
            "price_jump": self._price_jump,
            "funding": self._fund,
        }
        assert set(self._actions) == set(EVENTS)

    async def inject(self, fault: Fault) -> None:
        """Make a fault happen now; ``SettingsError`` when it cannot."""
        self._venues.faults.injected += 1
        if fault.kind in STREAMS:
            await self._disturb_streams(fault)
        else:
            try:
                self._actions[fault.kind](fault)
            except (ExchangeError, InvalidOperation, KeyError) as error:
                raise SettingsError(f"fault {fault.kind}: {error}") from error
        await self._venues.publish()

    @property
    def _usdm(self) -> UsdmExchange:
        if self._venues.usdm is None:
            raise SettingsError("this fault needs USDⓈ-M futures, which are not served here")
        return self._venues.usdm

    def _is_spot(self, fault: Fault) -> bool:
        return fault.venue == "spot" or self._venues.usdm is None

    def _connections(self) -> list[StreamConnection]:
        return [c for venue in self._venues.all for c in list(venue.hub.connections)]

    async def _disturb_streams(self, fault: Fault) -> None:
        kind, usdm, spot = fault.kind, self._venues.usdm, self._venues.spot
        if kind == "expire_listen_key":
            self._usdm.expire_listen_keys(force=True)
            return
        if kind == "server_shutdown":
            event = b'{"e":"serverShutdown","E":%d}' % self._venues.first.now
            for connection in self._connections():
                connection.put(event)
            loop = asyncio.get_running_loop()
            loop.call_later(fault.seconds, self._disconnect_all)
            return
        private = kind.endswith("user")
        if usdm is not None and kind != "terminate_user":
            for connection in list(usdm.hub.connections):
                if connection.carries(private=private):
                    _disturb(connection, kind)
        if spot is None:
            return
        if private:
            await _disturb_sessions(spot, kind)
        for connection in list(spot.hub.connections):
            if connection.carries(private=private):
                _disturb(connection, kind)

    def _disconnect_all(self) -> None:
        for connection in self._connections():
            connection.writer.cancel()
        if self._venues.spot is not None:
            for session in self._venues.spot.users.sessions:
                session.abort()

    def _close_limits(self, fault: Fault) -> None:
        length = int(fault.seconds * 1000)
        for venue in self._venues.all:
            venue.limits.close_for(length, max(fault.count, TOLERANCE), wall_ms())

    def _maintain(self, fault: Fault) -> None:
        self._venues.faults.maintenance_until = wall_ms() + int(fault.seconds * 1000)
        self._disconnect_all()

    def _remember(self, fault: Fault) -> None:
        del fault
        self._checkpoint = {str(i): v.engine.freeze() for i, v in enumerate(self._venues.all)}
        self._mark = self._venues.ledger.mark()

    def _restart(self, fault: Fault) -> None:
        """Go down for ``seconds``; ``rollback`` restores the state of the checkpoint."""
        venues = self._venues
        venues.faults.outage_until = wall_ms() + int(fault.seconds * 1000)
        self._disconnect_all()
        if not fault.rollback:
            return
        if not self._checkpoint:
            raise SettingsError("fault restart: rollback needs a checkpoint before it")
        for index, venue in enumerate(venues.all):
            venue.engine.thaw(self._checkpoint[str(index)])
            venue.show_books(venue.feeds)
        span = {"from": self._mark, "to": venues.ledger.mark()}
        venues.ledger.write_event(venues.first.now, wall_ms(), "", "rollback", span)

    def _kill_children(self, fault: Fault) -> None:
        self._usdm.engine.core.dying_children += fault.count

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
        self._replace(fault, changes)

    def _set_status(self, fault: Fault) -> None:
        self._replace(fault, {"status": fault.status or "TRADING"})

    def _replace(self, fault: Fault, changes: dict[str, Any]) -> None:
        """Change rules on the named venue, or on every venue that lists the symbol."""
        for venue in self._venues.all:
            if fault.venue and (venue is self._venues.spot) != (fault.venue == "spot"):
                continue
            if fault.symbol in venue.feeds:
                rules = venue.engine.set_rules(fault.symbol, **changes)
                venue.feeds[fault.symbol].instrument = rules

    def _account(self, fault: Fault) -> UsdmAccount:
        accounts = self._usdm.engine.core.accounts
        return accounts[fault.account] if fault.account else next(iter(accounts.values()))

    def _held(self, fault: Fault, account: UsdmAccount) -> UsdmPosition:
        """Return the position that a fault hits: that of its position side, else the first."""
        for position in account.held(fault.symbol):
            if fault.position_side in ("", position.side):
                return position
        raise SettingsError(f"fault {fault.kind}: {account.name} holds no {fault.symbol}")

    def _liquidate(self, fault: Fault) -> None:
        account = self._account(fault)
        position = self._held(fault, account)
        liquidation.liquidate(self._usdm.engine.core, account, position)

    def _deleverage(self, fault: Fault) -> None:
        account = self._account(fault)
        position = self._held(fault, account)
        held = abs(position.amount)
        quantity = min(held, Decimal(fault.quantity)) if fault.quantity else held
        liquidation.deleverage(self._usdm.engine.core, account, position, quantity)

    def _foreign_order(self, fault: Fault) -> None:
        """Place an order as a person or another program on the same account would."""
        if self._is_spot(fault):
            self._foreign_spot_order(fault)
            return
        core = self._usdm.engine.core
        request = UsdmOrderRequest(
            symbol=fault.symbol,
            side=fault.side,
            type="LIMIT" if fault.price else "MARKET",
            quantity=Decimal(fault.quantity),
            price=Decimal(fault.price or 0),
            client_id=f"web_{core.last_order_id + 1}",
            position_side=fault.position_side or "BOTH",
        )
        self._usdm.engine.place(self._account(fault), request)

    def _foreign_spot_order(self, fault: Fault) -> None:
        assert self._venues.spot is not None
        engine = self._venues.spot.engine
        engine.place(
            self._spot_account(fault),
            SpotOrder(
                symbol=fault.symbol,
                side=fault.side,
                type="LIMIT" if fault.price else "MARKET",
                quantity=Decimal(fault.quantity),
                price=Decimal(fault.price or 0),
                client_id=f"web_{engine.core.last_order_id + 1}",
            ),
        )

    def _spot_account(self, fault: Fault) -> SpotAccount:
        assert self._venues.spot is not None
        accounts = self._venues.spot.engine.core.accounts
        return accounts[fault.account] if fault.account else next(iter(accounts.values()))

    def _foreign_cancel(self, fault: Fault) -> None:
        """Cancel all orders of the symbol, conditional ones included, as somebody else would."""
        if self._is_spot(fault) and self._venues.spot is not None:
            account = self._spot_account(fault)
            for order in list(account.open_orders.values()):
                if order.symbol == fault.symbol and order.open:
                    self._venues.spot.engine.cancel(account, order)
            return
        engine, mine = self._usdm.engine, self._account(fault)
        engine.cancel_all(mine, fault.symbol)
        engine.cancel_all_algos(mine, fault.symbol)

    def _foreign_leverage(self, fault: Fault) -> None:
        self._usdm.engine.set_leverage(self._account(fault), fault.symbol, fault.leverage)

    def _foreign_margin(self, fault: Fault) -> None:
        """Switch the symbol between cross and isolated margin, as somebody else would."""
        account = self._account(fault)
        isolated = account.position(fault.symbol).isolated
        self._usdm.engine.set_margin_type(account, fault.symbol, isolated=not isolated)

    def _foreign_mode(self, fault: Fault) -> None:
        """Switch the account between one-way and hedge mode, as somebody else would."""
        account = self._account(fault)
        self._usdm.engine.set_hedge_mode(account, hedge=not account.hedge)

    def _price_jump(self, fault: Fault) -> None:
        """Print one trade at ``price``, outside the recording; the path continues from there."""
        price = Decimal(fault.price)
        for venue in self._venues.all:
            if fault.symbol in venue.feeds:
                venue.feeds[fault.symbol].move(venue.now, price)
                venue.engine.on_price(fault.symbol, price)

    def _fund(self, fault: Fault) -> None:
        self._usdm.engine.apply_funding(fault.symbol, Decimal(fault.quantity or "0.0001"))


async def _disturb_sessions(spot: SpotExchange, kind: str) -> None:
    """Disturb the user events of spot, which use the connections of the WebSocket API."""
    for session in spot.users.sessions:
        if kind == "terminate_user":
            event = {"e": "eventStreamTerminated", "E": spot.now}
            for account in spot.engine.core.accounts:
                for listener, number in spot.users.of(account):
                    if listener is session:
                        session.send({"subscriptionId": number, "event": event})
            spot.users.leave(session)
        elif kind.startswith(("mute", "half_open")):
            session.muted = True
        else:
            session.abort()


def _disturb(connection: StreamConnection, kind: str) -> None:
    if kind.startswith("mute"):
        connection.muted = True
    elif kind.startswith("half_open"):
        connection.half_open()
    else:
        connection.writer.cancel()
