"""Binance spot over REST.

Everything that this module raises is a `VenueFaultError`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from executor.model import (
    ZERO,
    Balance,
    Capabilities,
    Instrument,
    InstrumentId,
    NewOrder,
    OrderKind,
    Protection,
    Transfer,
    VenueFill,
    VenueOrder,
    VenuePosition,
    symbol_of,
)
from executor.venues.binance.ccxt_class import ccxt_class
from executor.venues.binance.client import BinanceClient, MarketCalls, unlisted
from executor.venues.binance.readable import readable
from executor.venues.binance.values import decimal_of
from executor.venues.binance_spot import parse
from executor.venues.binance_spot.hosts import HOSTS
from executor.venues.binance_spot.transfers import transfers_of
from executor.venues.faults import Rejected, UnknownOrder
from executor.venues.interface import ConnectionSettings

log = logging.getLogger(__name__)

CAPABILITIES = Capabilities(
    protection=Protection.OCO,
    short_selling=False,
    margin=False,
    reduce_only=False,
    dust_conversion=True,
)


class BinanceSpot(BinanceClient):
    """One account; implements `executor.venues.interface.Venue`."""

    name = parse.VENUE
    capabilities = CAPABILITIES

    market = MarketCalls(
        client=ccxt_class("binance"),
        account_urls=dict(HOSTS.account_urls),
        weight_a_minute=6_000,
        time="publicGetTime",
        klines="publicGetKlines",
        ticker="publicGetTickerPrice",
        trade_flag="enableSpotAndMarginTrading",
    )

    def __init__(self, settings: ConnectionSettings, key: str, secret: str) -> None:
        super().__init__(settings, key, secret)
        self._instruments: dict[InstrumentId, Instrument] = {}

    async def connect(
        self, symbols: Sequence[InstrumentId], leverage: int
    ) -> dict[InstrumentId, Instrument]:
        """Inspect; everything is paid for in full, so ``leverage`` is 1."""
        del leverage
        return await self.inspect(symbols)

    @readable
    async def inspect(self, symbols: Sequence[InstrumentId]) -> dict[InstrumentId, Instrument]:
        """Measure the clock offset and read the instruments."""
        await self._transport.measure_offset()
        if not symbols:
            return {}
        info = await self._call("publicGetExchangeInfo")
        known = {parse.id_of(row["symbol"]): row for row in info["symbols"]}
        missing = unlisted(symbols, known)
        if missing:
            log.error("the exchange does not list %s", ", ".join(missing))
        found = {s: parse.instrument(known[s]) for s in sorted(set(symbols) & set(known))}
        self._instruments |= found
        return found

    async def set_leverage(self, symbol: InstrumentId, leverage: int) -> None:
        """Refuse: everything is paid for in full."""
        raise Rejected(f"{self.name} has no leverage to set to {leverage} for {symbol}")

    @readable
    async def balances(self) -> dict[str, Balance]:
        """What is held of each asset, orders included."""
        answer = await self._call("privateGetAccount", omitZeroBalances="true")
        found = {}
        for row in answer["balances"]:
            free, locked = decimal_of(row["free"]), decimal_of(row["locked"])
            found[row["asset"]] = Balance(free + locked, free)
        return found

    @readable
    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        """Money paid in or out; None on test networks, which do not list it."""
        if self._transport.account_url is None:
            return None
        return await transfers_of(self._call, start_ms)

    async def positions(self) -> list[VenuePosition]:
        """The balances of the assets that are traded here; each symbol shows its own asset."""
        held = await self.balances()
        return [
            VenuePosition(symbol, held[instrument.base_asset].wallet, ZERO)
            for symbol, instrument in self._instruments.items()
            if instrument.base_asset in held and held[instrument.base_asset].wallet > 0
        ]

    @readable
    async def open_orders(self, symbol: InstrumentId | None = None) -> list[VenueOrder]:
        """Resting orders; stops and pairs are in the same list as all others."""
        scope = {} if symbol is None else {"symbol": symbol_of(symbol)}
        return [parse.order(row) for row in await self._call("privateGetOpenOrders", **scope)]

    async def _send(self, order: NewOrder) -> VenueOrder:
        if order.partner is not None:
            return await self._place_pair(order, order.partner)
        return await self._place(order)

    async def _place(self, order: NewOrder) -> VenueOrder:
        params = self._common(order) | {
            "type": _wire_kind(order),
            "newClientOrderId": order.client_id,
            # With RESULT, the answer says of a conditional order what it is.
            "newOrderRespType": "RESULT",
        }
        if order.trigger_price is not None:
            params["stopPrice"] = format(order.trigger_price, "f")
        send = self._transport.call_urgently if order.exits else self._call
        return parse.order(await send("privatePostOrder", **params))

    async def _place_pair(self, order: NewOrder, partner: NewOrder) -> VenueOrder:
        """Send a pair in which each cancels the other; returns the first of the two."""
        above, below = sorted(
            (order, partner), key=lambda leg: leg.trigger_price or ZERO, reverse=True
        )
        params = self._common(order) | {"listClientOrderId": f"{order.client_id}-p"}
        for where, leg in (("above", above), ("below", below)):
            params[f"{where}Type"] = _wire_kind(leg)
            params[f"{where}StopPrice"] = format(leg.trigger_price or ZERO, "f")
            params[f"{where}ClientOrderId"] = leg.client_id
        params["newOrderRespType"] = "RESULT"
        answer = await self._transport.call_urgently("privatePostOrderListOco", **params)
        found = [parse.order(row) for row in answer["orderReports"]]
        return next(placed for placed in found if placed.client_id == order.client_id)

    def _common(self, order: NewOrder) -> dict[str, Any]:
        return {
            "symbol": symbol_of(order.symbol),
            "side": order.side,
            "quantity": format(order.quantity or ZERO, "f"),
        }

    @readable
    async def query(
        self, symbol: InstrumentId, client_id: str, *, conditional: bool
    ) -> VenueOrder | None:
        """The order of this id, or None where the exchange knows none (yet)."""
        del conditional
        try:
            row = await self._call(
                "privateGetOrder", symbol=symbol_of(symbol), origClientOrderId=client_id
            )
        except UnknownOrder:
            return None
        return parse.order(row)

    async def cancel(self, order: VenueOrder) -> None:
        """Cancel, with its partner; an order that is already gone is no error."""
        try:
            await self._call(
                "privateDeleteOrder",
                symbol=symbol_of(order.symbol),
                origClientOrderId=order.client_id,
            )
        except UnknownOrder:
            return

    @readable
    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        """Own trades, oldest first."""
        params: dict[str, Any] = {"symbol": symbol_of(symbol), "limit": 1_000}
        if order_id is not None:
            params["orderId"] = order_id
        elif start_ms is not None:
            params["startTime"] = start_ms
        rows = await self._call("privateGetMyTrades", **params)
        return sorted(map(parse.trade, rows), key=lambda fill: (fill.time, int(fill.trade_id)))

    @readable
    async def recent_orders(self, symbol: InstrumentId, start_ms: int) -> list[VenueOrder]:
        """Orders of every status since ``start_ms``, oldest first."""
        rows = await self._call("privateGetAllOrders", symbol=symbol_of(symbol), limit=1_000)
        found = sorted(map(parse.order, rows), key=lambda order: order.time)
        return [order for order in found if order.time >= start_ms]

    async def convert_dust(self, asset: str) -> None:
        """Turn a remainder into BNB."""
        await self._call("sapiPostAssetDust", asset=[asset])


def _wire_kind(order: NewOrder) -> str:
    try:
        return parse.WIRE_KINDS[OrderKind(order.kind)]
    except KeyError:
        raise Rejected(f"{parse.VENUE} is sent no {order.kind} orders") from None
