"""Binance USDⓈ-M futures over REST through ccxt's signed raw endpoints.

It uses ccxt's transport, signing and endpoint table, not its order model, limiter or error classes.
Everything that this module raises is a `VenueFaultError`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ccxt.async_support.binanceusdm import binanceusdm

from executor.model import (
    Balance,
    Instrument,
    KeyPermissions,
    NewOrder,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from executor.venues.binance import parse
from executor.venues.binance.error_codes import classify
from executor.venues.binance.hosts import ACCOUNT_URLS
from executor.venues.binance.masking import masked
from executor.venues.binance.readable import readable
from executor.venues.faults import (
    Banned,
    ClockDrift,
    DuplicateOrder,
    NothingToChange,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    UnknownOrder,
)
from executor.venues.interface import ConnectionSettings
from trading.candles import Candle, interval_ms
from trading.errors import VenueError

log = logging.getLogger(__name__)

KLINES_A_CALL = 1_000
WEIGHT_A_MINUTE = 2_400
RESERVE = 0.8
"""Share of the weight that history may use; the rest is for closes and cancels."""
_HEDGE_MODE = "hedge mode is on; switch the account to one-way mode (positionSide/dual) first"


class _ErrorAnswerError(Exception):
    """An answer with an error, before it is classified."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class BinanceUsdm:
    """One account; implements `executor.venues.interface.Venue`."""

    def __init__(self, settings: ConnectionSettings, key: str, secret: str) -> None:
        self._blocked_until = 0.0
        self._banned = False
        self.used_weight = 0
        self._weighed_at = 0.0
        self._ccxt = binanceusdm(
            {
                "apiKey": key,
                "secret": secret,
                "enableRateLimit": False,
                "timeout": settings.request_timeout_ms,
                "options": {"recvWindow": settings.recv_window_ms},
            }
        )
        self._account_url = settings.account_url or ACCOUNT_URLS.get(settings.rest_url)
        urls = _rewritten(self._ccxt.urls["api"], settings.rest_url)
        if self._account_url is not None:
            # Another host than the futures' shows the key's permissions.
            urls["sapi"] = f"{self._account_url}/sapi/v1"
        self._ccxt.urls["api"] = urls
        # The hook sees status, headers and body before ccxt makes an exception of them.
        self._ccxt.handle_errors = self._on_answer

    def _on_answer(
        self,
        status: int,
        _reason: str,
        _url: str,
        _method: str,
        headers: Mapping[str, str],
        *rest: Any,
    ) -> None:
        body, answer = rest[:2]
        weight = headers.get("X-MBX-USED-WEIGHT-1M") or headers.get("x-mbx-used-weight-1m")
        if weight is not None and weight.isdigit():
            self.used_weight = int(weight)
            self._weighed_at = time.monotonic()
        code = answer.get("code") if isinstance(answer, dict) else None
        if status >= 400 or (isinstance(code, int) and code < 0):
            raise _ErrorAnswerError(status, headers, body)

    async def _call(self, endpoint: str, /, **params: Any) -> Any:
        """Send once (twice after a clock error); raises `VenueFaultError` and nothing else."""
        try:
            return await self._send(endpoint, params)
        except ClockDrift:
            await self._measure_offset()
        return await self._send(endpoint, params)

    async def _send(self, endpoint: str, params: dict[str, Any]) -> Any:
        wait = self._blocked_until - time.monotonic()
        if wait > 0:
            kind = Banned if self._banned else RateLimited
            raise kind(f"{endpoint}: not sent, blocked for {wait:.1f} s", wait)
        try:
            answer = await getattr(self._ccxt, endpoint)(params)
        except _ErrorAnswerError as error:
            fault = classify(error.status, error.headers, error.body)
            if isinstance(fault, RateLimited):
                self._banned = isinstance(fault, Banned)
                # Requests in flight may get a shorter wait: the longest counts.
                until = time.monotonic() + fault.retry_after_s
                self._blocked_until = max(self._blocked_until, until)
            raise fault from error
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Whatever else ccxt or aiohttp raise, the request may have reached the exchange.
            raise OutcomeUnknown(masked(f"{endpoint}: {type(error).__name__}: {error}")) from error
        if not isinstance(answer, dict | list):
            raise OutcomeUnknown(f"{endpoint}: the answer is not JSON")
        return answer

    @readable
    async def _measure_offset(self) -> None:
        before = time.time()
        answer = await self._send("fapiPublicGetTime", {})
        middle = (before + time.time()) / 2 * 1000
        self._ccxt.options["timeDifference"] = round(middle - int(answer["serverTime"]))

    @property
    def offset_ms(self) -> int:
        """Exchange time minus local time."""
        return -int(self._ccxt.options.get("timeDifference") or 0)

    @readable
    async def connect(self, symbols: Sequence[str], leverage: int) -> dict[str, Instrument]:
        """Measure the clock offset, refuse hedge mode, set isolated margin and leverage."""
        await self._measure_offset()
        mode = await self._call("fapiPrivateGetPositionSideDual")
        if mode.get("dualSidePosition") in (True, "true"):
            raise VenueError(_HEDGE_MODE)
        info = await self._call("fapiPublicGetExchangeInfo")
        known = {row["symbol"]: row for row in info["symbols"]}
        missing = sorted(set(symbols) - set(known))
        if missing:
            # Positions in the others need protection all the same.
            log.error("the exchange does not list %s", ", ".join(missing))
        instruments = {}
        for symbol in sorted(set(symbols) & set(known)):
            problem = await self._set_up(symbol, leverage)
            instruments[symbol] = replace(parse.instrument(known[symbol]), refused=problem)
        return instruments

    async def _set_up(self, symbol: str, leverage: int) -> str:
        """Set margin mode and leverage and read them back; returns what is wrong.

        The exchange refuses changes while a position is open; the position needs protection all the
        same.
        """
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

    async def _setting(self, endpoint: str, **params: Any) -> str:
        try:
            await self._call(endpoint, **params)
        except NothingToChange:
            return ""
        except Rejected as fault:
            return str(fault)
        return ""

    @readable
    async def key_permissions(self) -> KeyPermissions | None:
        """What the key may do; None on test networks, which do not show it."""
        if self._account_url is None:
            return None
        answer = await self._call("sapiGetAccountApiRestrictions")
        expiry = answer.get("tradingAuthorityExpirationTime")
        return KeyPermissions(
            futures=bool(answer.get("enableFutures")),
            withdraw=bool(answer.get("enableWithdrawals")),
            transfer=bool(
                answer.get("enableInternalTransfer") or answer.get("permitsUniversalTransfer")
            ),
            ip_restricted=bool(answer.get("ipRestrict")),
            expires_at=int(expiry) if expiry else None,
        )

    async def close(self) -> None:
        """Release the connections."""
        await self._ccxt.close()

    @readable
    async def klines(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Candles with open time in [start, end), oldest first, in as many calls as needed."""
        candles: list[Candle] = []
        step = interval_ms(interval)
        while start_ms < end_ms:
            await self._spare()
            rows = await self._call(
                "fapiPublicGetKlines",
                symbol=symbol,
                interval=interval,
                startTime=start_ms,
                endTime=end_ms - 1,
                limit=KLINES_A_CALL,
            )
            candles.extend(parse.kline(row) for row in rows)
            if len(rows) < KLINES_A_CALL:
                break
            start_ms = candles[-1].open_time + step
        return candles

    async def _spare(self) -> None:
        """Wait for the next minute when history would use up the weight for closes."""
        if self.used_weight < RESERVE * WEIGHT_A_MINUTE:
            return
        into = (time.time() + self.offset_ms / 1000) % 60
        if time.monotonic() - self._weighed_at <= into:
            log.warning("weight %d used: history waits %.0f s", self.used_weight, 60 - into)
            await asyncio.sleep(60 - into)
        self.used_weight = 0

    @readable
    async def last_price(self, symbol: str) -> float:
        """Last trade price."""
        answer = await self._call("fapiPublicGetTickerPrice", symbol=symbol)
        return parse.positive(answer["price"])

    @readable
    async def balance(self) -> Balance:
        """Margin account in USDT."""
        answer = await self._call("fapiPrivateV3GetAccount")
        return Balance(Decimal(answer["totalWalletBalance"]), Decimal(answer["availableBalance"]))

    @readable
    async def positions(self) -> list[VenuePosition]:
        """Positions that are not flat."""
        rows = await self._call("fapiPrivateV3GetPositionRisk")
        return [p for p in map(parse.position, rows) if p.quantity != 0]

    @readable
    async def open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        """Resting orders of both books."""
        scope = {} if symbol is None else {"symbol": symbol}
        plain, algo = await asyncio.gather(
            self._call("fapiPrivateGetOpenOrders", **scope),
            self._call("fapiPrivateGetOpenAlgoOrders", **scope),
        )
        algo_rows = algo.get("orders", []) if isinstance(algo, dict) else algo
        return [parse.plain_order(row) for row in plain] + [
            parse.algo_order(row) for row in algo_rows
        ]

    @readable
    async def place(self, order: NewOrder) -> VenueOrder:
        """Send an order; after a duplicate id, return the order that exists."""
        send = self._place_conditional if order.conditional else self._place_plain
        try:
            return await send(order)
        except DuplicateOrder:
            known = await self.query(order.symbol, order.client_id, conditional=order.conditional)
            if known is None:
                raise
            return known

    async def _place_plain(self, order: NewOrder) -> VenueOrder:
        params: dict[str, Any] = {
            "symbol": order.symbol,
            "side": order.side,
            "type": order.kind.value,
            "quantity": format(order.quantity or Decimal(0), "f"),
            "newClientOrderId": order.client_id,
            "newOrderRespType": "ACK",
        }
        if order.reduce_only:
            params["reduceOnly"] = "true"
        return parse.plain_order(await self._call("fapiPrivatePostOrder", **params))

    async def _place_conditional(self, order: NewOrder) -> VenueOrder:
        params: dict[str, Any] = {
            "algoType": "CONDITIONAL",
            "symbol": order.symbol,
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
        return parse.algo_order(await self._call("fapiPrivatePostAlgoOrder", **params))

    @readable
    async def query(self, symbol: str, client_id: str, *, conditional: bool) -> VenueOrder | None:
        """The order of this id, or None where the exchange knows none (yet)."""
        try:
            if conditional:
                row = await self._call("fapiPrivateGetAlgoOrder", clientAlgoId=client_id)
                return parse.algo_order(row)
            row = await self._call(
                "fapiPrivateGetOrder", symbol=symbol, origClientOrderId=client_id
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
                    symbol=order.symbol,
                    origClientOrderId=order.client_id,
                )
        except UnknownOrder:
            return

    @readable
    async def trades(
        self, symbol: str, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        """Own trades, oldest first."""
        params: dict[str, Any] = {"symbol": symbol, "limit": 1_000}
        if start_ms is not None:
            params["startTime"] = start_ms
        if order_id is not None:
            params["orderId"] = order_id
        rows = await self._call("fapiPrivateGetUserTrades", **params)
        return sorted(map(parse.trade, rows), key=lambda fill: (fill.time, int(fill.trade_id)))

    @readable
    async def recent_orders(self, symbol: str, start_ms: int) -> list[VenueOrder]:
        """Plain orders of every status since ``start_ms``, oldest first."""
        rows = await self._call(
            "fapiPrivateGetAllOrders", symbol=symbol, startTime=start_ms, limit=1_000
        )
        return sorted(map(parse.plain_order, rows), key=lambda order: order.time)

    @readable
    async def listen_key(self) -> str:
        """Key of the user stream; asking again keeps it alive."""
        answer = await self._call("fapiPrivatePostListenKey")
        return str(answer["listenKey"])


def _rewritten(urls: Any, base: str) -> Any:
    """Move every URL of ccxt's table to ``base``, with its path."""
    if isinstance(urls, dict):
        return {name: _rewritten(value, base) for name, value in urls.items()}
    if isinstance(urls, str) and urls.startswith("http"):
        path = urls.split("/", 3)[3:]
        return f"{base}/{path[0]}" if path else base
    return urls
