"""Binance USDⓈ-M futures over REST.

Everything that this module raises is a `VenueFaultError`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from executor.model import (
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
from executor.venues.binance_usdm import parse
from executor.venues.binance_usdm.hosts import HOSTS
from executor.venues.faults import NothingToChange, Rejected, UnknownOrder
from trading.errors import VenueError

log = logging.getLogger(__name__)

CAPABILITIES = Capabilities(
    protection=Protection.EXCHANGE_STOP, short_selling=True, margin=True, reduce_only=True
)
KINDS = frozenset({OrderKind.MARKET, OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET})
TRANSFER_KINDS = ("TRANSFER", "INTERNAL_TRANSFER", "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW")
_HEDGE_MODE = "hedge mode is on; switch the account to one-way mode (positionSide/dual) first"


class BinanceUsdm(BinanceClient):
    """One account; implements `executor.venues.interface.Venue`."""

    name = parse.VENUE
    capabilities = CAPABILITIES

    market = MarketCalls(
        client=ccxt_class("binanceusdm"),
        account_urls=dict(HOSTS.account_urls),
        weight_a_minute=2_400,
        time="fapiPublicGetTime",
        klines="fapiPublicGetKlines",
        ticker="fapiPublicGetTickerPrice",
        trade_flag="enableFutures",
    )

    @readable
    async def inspect(self, symbols: Sequence[InstrumentId]) -> dict[InstrumentId, Instrument]:
        """Measure the clock offset, refuse hedge mode, read the instruments; changes nothing."""
        await self._transport.measure_offset()
        mode = await self._call("fapiPrivateGetPositionSideDual")
        if mode.get("dualSidePosition") in (True, "true"):
            raise VenueError(_HEDGE_MODE)
        info = await self._call("fapiPublicGetExchangeInfo")
        known = {parse.id_of(row["symbol"]): row for row in info["symbols"]}
        missing = unlisted(symbols, known)
        if missing:
            # Positions in the others need protection all the same.
            log.error("the exchange does not list %s", ", ".join(missing))
        return {s: parse.instrument(known[s]) for s in sorted(set(symbols) & set(known))}

    @readable
    async def connect(
        self, symbols: Sequence[InstrumentId], leverage: int
    ) -> dict[InstrumentId, Instrument]:
        """Inspect the account, then set isolated margin and leverage."""
        return {
            symbol: replace(instrument, refused=await self._set_up(symbol, leverage))
            for symbol, instrument in (await self.inspect(symbols)).items()
        }

    async def _set_up(self, instrument: InstrumentId, leverage: int) -> str:
        """Set margin mode and leverage and read them back; returns what is wrong.

        The exchange refuses changes while a position is open; the position needs protection all the
        same.
        """
        symbol = symbol_of(instrument)
        problems = [
            await self._setting("fapiPrivatePostMarginType", symbol=symbol, marginType="ISOLATED"),
            await self._setting("fapiPrivatePostLeverage", symbol=symbol, leverage=leverage),
        ]
        rows = await self._call("fapiPrivateGetSymbolConfig", symbol=symbol)
        found = next((row for row in rows if row["symbol"] == symbol), None)
        if found is None:
            return "; ".join(filter(None, problems)) or "its configuration cannot be read"
        margin, times = str(found["marginType"]).upper(), int(found["leverage"])
        if (margin, times) == ("ISOLATED", leverage):
            return ""
        return "; ".join(
            [
                f"margin {margin}, leverage {times}, wanted ISOLATED, {leverage}",
                *filter(None, problems),
            ]
        )

    async def set_leverage(self, symbol: InstrumentId, leverage: int) -> None:
        """Set the leverage of an instrument."""
        try:
            await self._call("fapiPrivatePostLeverage", symbol=symbol_of(symbol), leverage=leverage)
        except NothingToChange:
            return

    async def _setting(self, endpoint: str, **params: Any) -> str:
        try:
            await self._call(endpoint, **params)
        except NothingToChange:
            return ""
        except Rejected as fault:
            return str(fault)
        return ""

    @readable
    async def balances(self) -> dict[str, Balance]:
        """Margin wallets, by asset."""
        answer = await self._call("fapiPrivateV3GetAccount")
        return {
            row["asset"]: Balance(Decimal(row["walletBalance"]), Decimal(row["availableBalance"]))
            for row in answer["assets"]
        }

    @readable
    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        """Money paid into the margin wallets or out of them since ``start_ms``."""
        answers = await asyncio.gather(
            *(
                self._call("fapiPrivateGetIncome", incomeType=kind, startTime=start_ms, limit=1_000)
                for kind in TRANSFER_KINDS
            )
        )
        return [parse.transfer(row) for rows in answers for row in rows]

    @readable
    async def positions(self) -> list[VenuePosition]:
        """Positions that are not flat."""
        rows = await self._call("fapiPrivateV3GetPositionRisk")
        return [p for p in map(parse.position, rows) if p.quantity != 0]

    @readable
    async def open_orders(self, symbol: InstrumentId | None = None) -> list[VenueOrder]:
        """Resting orders of both books."""
        scope = {} if symbol is None else {"symbol": symbol_of(symbol)}
        plain, algo = await asyncio.gather(
            self._call("fapiPrivateGetOpenOrders", **scope),
            self._call("fapiPrivateGetOpenAlgoOrders", **scope),
        )
        algo_rows = algo.get("orders", []) if isinstance(algo, dict) else algo
        return [parse.plain_order(row) for row in plain] + [
            parse.algo_order(row) for row in algo_rows
        ]

    async def _send(self, order: NewOrder) -> VenueOrder:
        if order.kind not in KINDS:
            raise Rejected(f"{self.name} is sent no {order.kind} orders")
        if order.conditional:
            return await self._place_conditional(order)
        return await self._place_plain(order)

    async def _place_plain(self, order: NewOrder) -> VenueOrder:
        params: dict[str, Any] = {
            "symbol": symbol_of(order.symbol),
            "side": order.side,
            "type": order.kind.value,
            "quantity": format(order.quantity or Decimal(0), "f"),
            "newClientOrderId": order.client_id,
            "newOrderRespType": "ACK",
        }
        if order.reduce_only:
            params["reduceOnly"] = "true"
        send = self._transport.call_urgently if order.exits else self._call
        return parse.plain_order(await send("fapiPrivatePostOrder", **params))

    async def _place_conditional(self, order: NewOrder) -> VenueOrder:
        params: dict[str, Any] = {
            "algoType": "CONDITIONAL",
            "symbol": symbol_of(order.symbol),
            "side": order.side,
            "type": order.kind.value,
            "triggerPrice": format(order.trigger_price or Decimal(0), "f"),
            "workingType": "CONTRACT_PRICE",
            "clientAlgoId": order.client_id,
        }
        if order.close_position:
            params["closePosition"] = "true"
        else:
            params |= {"quantity": format(order.quantity or Decimal(0), "f"), "reduceOnly": "true"}
        send = self._transport.call_urgently
        return parse.algo_order(await send("fapiPrivatePostAlgoOrder", **params))

    @readable
    async def query(
        self, symbol: InstrumentId, client_id: str, *, conditional: bool
    ) -> VenueOrder | None:
        """The order of this id, or None where the exchange knows none (yet)."""
        try:
            if conditional:
                row = await self._call("fapiPrivateGetAlgoOrder", clientAlgoId=client_id)
                return parse.algo_order(row)
            row = await self._call(
                "fapiPrivateGetOrder", symbol=symbol_of(symbol), origClientOrderId=client_id
            )
            return parse.plain_order(row)
        except UnknownOrder:
            return None

    async def cancel(self, order: VenueOrder) -> None:
        """Cancel; an order that is already gone is no error."""
        try:
            if order.conditional:
                await self._call("fapiPrivateDeleteAlgoOrder", clientAlgoId=order.client_id)
            else:
                await self._call(
                    "fapiPrivateDeleteOrder",
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
        if start_ms is not None:
            params["startTime"] = start_ms
        if order_id is not None:
            params["orderId"] = order_id
        rows = await self._call("fapiPrivateGetUserTrades", **params)
        return sorted(map(parse.trade, rows), key=lambda fill: (fill.time, int(fill.trade_id)))

    @readable
    async def recent_orders(self, symbol: InstrumentId, start_ms: int) -> list[VenueOrder]:
        """Plain orders of every status since ``start_ms``, oldest first."""
        rows = await self._call(
            "fapiPrivateGetAllOrders", symbol=symbol_of(symbol), startTime=start_ms, limit=1_000
        )
        return sorted(map(parse.plain_order, rows), key=lambda order: order.time)

    @readable
    async def listen_key(self) -> str:
        """Key of the user stream; asking again keeps it alive."""
        answer = await self._call("fapiPrivatePostListenKey")
        return str(answer["listenKey"])

    async def convert_dust(self, asset: str) -> None:
        """Refuse: a futures position leaves no remainder."""
        raise Rejected(f"{self.name} has no dust of {asset} to convert")
