"""One interface to three USDⓈ-M clients: ccxt, python-binance and Binance's own SDK."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.sandbox.binance_sdks import batch_order
from tests.sandbox.traders import SdkClient, opened_trader

SYMBOL, BTC = "BTCUSDT", "BTC/USDT:USDT"
Trade = tuple[str, str, float, float, float]


class CcxtTrader:
    """Trades with ccxt's unified methods."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def symbols(self) -> set[str]:
        """Return the listed symbols."""
        return {market["id"] for market in (await self._client.load_markets()).values()}

    async def set_isolated_leverage(self, leverage: int) -> None:
        """Set isolated margin and the leverage."""
        await self._client.set_margin_mode("isolated", BTC)
        await self._client.set_leverage(leverage, BTC)

    async def wallet(self) -> float:
        """Return the USDT balance, position margin included."""
        return float((await self._client.fetch_balance())["info"]["totalWalletBalance"])

    async def order(self, side: str, kind: str, quantity: float, name: str, **more: Any) -> None:
        """Place an order with a client id; ``price``, ``tif`` and ``reducing`` where needed."""
        params = {"clientOrderId": name}
        if more.get("tif"):
            params |= {"postOnly": True} if more["tif"] == "GTX" else {"timeInForce": more["tif"]}
        if more.get("reducing"):
            params["reduceOnly"] = True
        await self._client.create_order(
            BTC, kind.lower(), side.lower(), quantity, more.get("price"), params
        )

    async def status(self, name: str) -> tuple[str, float]:
        """Return status and filled quantity of an order, by its client id."""
        found = await self._client.fetch_order(None, BTC, {"origClientOrderId": name})
        return found["info"]["status"], found["filled"]

    async def amend(self, name: str, quantity: float, price: float) -> None:
        """Change quantity and price of an order."""
        found = await self._client.fetch_order(None, BTC, {"origClientOrderId": name})
        await self._client.edit_order(found["id"], BTC, "limit", found["side"], quantity, price)

    async def cancel(self, name: str) -> None:
        """Cancel by client id."""
        await self._client.cancel_order(None, BTC, {"origClientOrderId": name})

    async def batch(self, quantities: list[float], price: float) -> list[bool]:
        """Place limit buys in one request; return which of them were accepted."""
        rows = [
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": q, "price": price}
            for q in quantities
        ]
        return [row["status"] == "open" for row in await self._client.create_orders(rows)]

    async def cancel_all(self) -> None:
        """Cancel all orders."""
        await self._client.cancel_all_orders(BTC)

    async def open_orders(self) -> set[str]:
        """Return the client ids of the open orders."""
        return {row["clientOrderId"] for row in await self._client.fetch_open_orders(BTC)}

    async def conditional(self, kind: str, name: str, at: float) -> None:
        """Place a closing stop or take-profit, or a trailing stop (``at`` in percent)."""
        params: dict[str, Any] = {"clientAlgoId": name}
        quantity = None
        if kind == "TRAILING_STOP_MARKET":
            quantity = 0.01
            params |= {"trailingPercent": at, "reduceOnly": True}
        else:
            word = "stopLossPrice" if kind.startswith("STOP") else "takeProfitPrice"
            params |= {word: at, "closePosition": True}
        await self._client.create_order(BTC, "market", "sell", quantity, None, params)

    async def open_conditionals(self) -> dict[str, str]:
        """Return the type of each open conditional order by its client id."""
        rows = await self._client.fetch_open_orders(BTC, params={"trigger": True})
        return {row["clientOrderId"]: row["info"]["orderType"] for row in rows}

    async def cancel_conditional(self, name: str) -> None:
        """Cancel a conditional order by its client id."""
        rows = await self._client.fetch_open_orders(BTC, params={"trigger": True})
        (ident,) = (row["id"] for row in rows if row["clientOrderId"] == name)
        await self._client.cancel_order(ident, BTC, {"trigger": True})

    async def trades(self) -> list[Trade]:
        """Return id, side, price, quantity and fee of each trade."""
        return [
            (t["id"], t["side"].upper(), t["price"], t["amount"], t["fee"]["cost"])
            for t in await self._client.fetch_my_trades(BTC)
        ]

    async def position(self) -> float:
        """Return the position's amount."""
        rows = await self._client.fetch_positions([BTC])
        return sum(float(row["info"]["positionAmt"]) for row in rows)


class BinanceTrader:
    """Trades with python-binance's futures methods."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def symbols(self) -> set[str]:
        """Return the listed symbols."""
        info = await self._client.futures_exchange_info()
        return {row["symbol"] for row in info["symbols"]}

    async def set_isolated_leverage(self, leverage: int) -> None:
        """Set isolated margin and the leverage."""
        await self._client.futures_change_margin_type(symbol=SYMBOL, marginType="ISOLATED")
        await self._client.futures_change_leverage(symbol=SYMBOL, leverage=leverage)

    async def wallet(self) -> float:
        """Return the USDT balance, position margin included."""
        return float((await self._client.futures_account_balance())[0]["balance"])

    async def order(self, side: str, kind: str, quantity: float, name: str, **more: Any) -> None:
        """Place an order with a client id; ``price``, ``tif`` and ``reducing`` where needed."""
        params: dict[str, Any] = {}
        if kind == "LIMIT":
            params = {"price": more["price"], "timeInForce": more.get("tif", "GTC")}
        if more.get("reducing"):
            params["reduceOnly"] = "true"
        await self._client.futures_create_order(
            symbol=SYMBOL, side=side, type=kind, quantity=quantity, newClientOrderId=name, **params
        )

    async def status(self, name: str) -> tuple[str, float]:
        """Return status and filled quantity of an order, by its client id."""
        found = await self._client.futures_get_order(symbol=SYMBOL, origClientOrderId=name)
        return found["status"], float(found["executedQty"])

    async def amend(self, name: str, quantity: float, price: float) -> None:
        """Change quantity and price of an order."""
        await self._client.futures_modify_order(
            symbol=SYMBOL, origClientOrderId=name, side="BUY", quantity=quantity, price=price
        )

    async def cancel(self, name: str) -> None:
        """Cancel by client id."""
        await self._client.futures_cancel_order(symbol=SYMBOL, origClientOrderId=name)

    async def batch(self, quantities: list[float], price: float) -> list[bool]:
        """Place limit buys in one request; return which of them were accepted."""
        row = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        rows = [row | {"quantity": str(q), "price": str(price)} for q in quantities]
        responses = await self._client.futures_place_batch_order(batchOrders=rows)
        return ["orderId" in response for response in responses]

    async def cancel_all(self) -> None:
        """Cancel all orders."""
        await self._client.futures_cancel_all_open_orders(symbol=SYMBOL)

    async def open_orders(self) -> set[str]:
        """Return the client ids of the open orders."""
        rows = await self._client.futures_get_open_orders(symbol=SYMBOL)
        return {row["clientOrderId"] for row in rows}

    async def conditional(self, kind: str, name: str, at: float) -> None:
        """Place a closing stop or take-profit, or a trailing stop (``at`` in percent)."""
        more: dict[str, Any] = {"triggerPrice": at, "closePosition": "true"}
        if kind == "TRAILING_STOP_MARKET":
            more = {"callbackRate": at, "quantity": 0.01, "reduceOnly": "true"}
        await self._client.futures_create_order(
            symbol=SYMBOL, side="SELL", type=kind, clientAlgoId=name, **more
        )

    async def open_conditionals(self) -> dict[str, str]:
        """Return the type of each open conditional order by its client id."""
        rows = await self._client.futures_get_open_orders(symbol=SYMBOL, conditional=True)
        return {row["clientAlgoId"]: row["orderType"] for row in rows}

    async def cancel_conditional(self, name: str) -> None:
        """Cancel a conditional order by its client id."""
        await self._client.futures_cancel_order(symbol=SYMBOL, clientAlgoId=name)

    async def trades(self) -> list[Trade]:
        """Return id, side, price, quantity and fee of each trade."""
        return [
            (str(t["id"]), t["side"], float(t["price"]), float(t["qty"]), float(t["commission"]))
            for t in await self._client.futures_account_trades(symbol=SYMBOL)
        ]

    async def position(self) -> float:
        """Return the position's amount."""
        rows = await self._client.futures_position_information(symbol=SYMBOL)
        return sum(float(row["positionAmt"]) for row in rows)


class SdkTrader(SdkClient):
    """Trades with the futures methods of Binance's own SDK."""

    async def symbols(self) -> set[str]:
        """Return the listed symbols."""
        return {str(row.symbol) for row in (await self._request("exchange_information")).symbols}

    async def set_isolated_leverage(self, leverage: int) -> None:
        """Set isolated margin and the leverage."""
        await self._request("change_margin_type", SYMBOL, "ISOLATED")
        await self._request("change_initial_leverage", SYMBOL, leverage)

    async def wallet(self) -> float:
        """Return the USDT balance, position margin included."""
        return float((await self._request("futures_account_balance_v3"))[0].balance)

    async def order(self, side: str, kind: str, quantity: float, name: str, **more: Any) -> None:
        """Place an order with a client id; ``price``, ``tif`` and ``reducing`` where needed."""
        params: dict[str, Any] = {}
        if kind == "LIMIT":
            params = {"price": more["price"], "time_in_force": more.get("tif", "GTC")}
        if more.get("reducing"):
            params["reduce_only"] = "true"
        await self._request(
            "new_order", SYMBOL, side, kind, quantity=quantity, new_client_order_id=name, **params
        )

    async def status(self, name: str) -> tuple[str, float]:
        """Return status and filled quantity of an order, by its client id."""
        found = await self._request("query_order", SYMBOL, orig_client_order_id=name)
        return found.status, float(found.executed_qty)

    async def amend(self, name: str, quantity: float, price: float) -> None:
        """Change quantity and price of an order."""
        await self._request(
            "modify_order", SYMBOL, "BUY", quantity, price, orig_client_order_id=name
        )

    async def cancel(self, name: str) -> None:
        """Cancel by client id."""
        await self._request("cancel_order", SYMBOL, orig_client_order_id=name)

    async def batch(self, quantities: list[float], price: float) -> list[bool]:
        """Place limit buys in one request; return which of them were accepted."""
        rows = [
            batch_order(
                symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=q,
                price=price,
            )
            for q in quantities
        ]  # fmt: skip
        responses = await self._request("place_multiple_orders", rows)
        return [response.order_id is not None for response in responses]

    async def cancel_all(self) -> None:
        """Cancel all orders."""
        await self._request("cancel_all_open_orders", SYMBOL)

    async def open_orders(self) -> set[str]:
        """Return the client ids of the open orders."""
        rows = await self._request("current_all_open_orders", symbol=SYMBOL)
        return {row.client_order_id for row in rows}

    async def conditional(self, kind: str, name: str, at: float) -> None:
        """Place a closing stop or take-profit, or a trailing stop (``at`` in percent)."""
        more: dict[str, Any] = {"trigger_price": at, "close_position": "true"}
        if kind == "TRAILING_STOP_MARKET":
            more = {"callback_rate": at, "quantity": 0.01, "reduce_only": "true"}
        await self._request(
            "new_algo_order", "CONDITIONAL", SYMBOL, "SELL", kind, client_algo_id=name, **more
        )

    async def open_conditionals(self) -> dict[str, str]:
        """Return the type of each open conditional order by its client id."""
        rows = await self._request("current_all_algo_open_orders", symbol=SYMBOL)
        return {row.client_algo_id: row.order_type for row in rows}

    async def cancel_conditional(self, name: str) -> None:
        """Cancel a conditional order by its client id."""
        await self._request("cancel_algo_order", client_algo_id=name)

    async def trades(self) -> list[Trade]:
        """Return id, side, price, quantity and fee of each trade."""
        return [
            (str(t.id), t.side, float(t.price), float(t.qty), float(t.commission))
            for t in await self._request("account_trade_list", SYMBOL)
        ]

    async def position(self) -> float:
        """Return the position's amount."""
        rows = await self._request("position_information_v3", symbol=SYMBOL)
        return sum(float(row.position_amt) for row in rows)


Trader = CcxtTrader | BinanceTrader | SdkTrader
KINDS = {"ccxt": CcxtTrader, "python-binance": BinanceTrader, "sdk": SdkTrader}
CLIENTS = tuple(KINDS)


def usdm_trader(name: str, url: str) -> AbstractAsyncContextManager[Trader]:
    """Open the client of that name, pointed at the sandbox by its base URL."""
    return opened_trader(name, "usdm", url, KINDS)
