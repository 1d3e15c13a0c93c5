"""One interface to three spot clients: ccxt, python-binance and Binance's own SDK."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.sandbox.traders import SdkClient, opened_trader

SYMBOL, BTC = "BTCUSDT", "BTC/USDT"
Trade = tuple[str, str, float, float, float, str]
# The SDK's names of the exchange's parameters.
SDK_NAMES = {
    "timeInForce": "time_in_force", "stopPrice": "stop_price", "trailingDelta": "trailing_delta",
    "newClientOrderId": "new_client_order_id", "quantity": "quantity", "price": "price",
    "cancelOrigClientOrderId": "cancel_orig_client_order_id",
}  # fmt: skip


class CcxtTrader:
    """Trades with ccxt's unified methods, and with the exchange's where there are none."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def symbols(self) -> set[str]:
        """Return the listed symbols."""
        return {market["id"] for market in (await self._client.load_markets()).values()}

    async def balances(self) -> dict[str, tuple[float, float]]:
        """Return free and locked amount by asset."""
        found = await self._client.fetch_balance()
        return {
            asset: (found[asset]["free"], found[asset]["used"])
            for asset, total in found["total"].items()
            if total
        }

    async def order(self, side: str, kind: str, name: str, **more: Any) -> str:
        """Place an order with a client id and the exchange's parameters; return its status."""
        quantity, price = more.pop("quantity"), more.pop("price", None)
        params = {"newClientOrderId": name, **more}
        response = await self._client.create_order(
            BTC, kind.lower(), side.lower(), quantity, price, params
        )
        return str(response["info"]["status"])

    async def status(self, name: str) -> tuple[str, float]:
        """Return status and filled quantity of an order, by its client id."""
        found = await self._client.fetch_order(None, BTC, {"origClientOrderId": name})
        return found["info"]["status"], found["filled"]

    async def replace(self, name: str, new: str, price: float) -> None:
        """Cancel a limit buy of 0.01 and place it again at another price."""
        found = await self._client.fetch_order(None, BTC, {"origClientOrderId": name})
        params = {"newClientOrderId": new}
        await self._client.edit_order(found["id"], BTC, "limit", "buy", 0.01, price, params)

    async def cancel(self, name: str) -> None:
        """Cancel by client id."""
        await self._client.cancel_order(None, BTC, {"origClientOrderId": name})

    async def oco(self, quantity: float, above: float, below: float) -> str:
        """Place a limit above and a stop below in one list; return the list's id."""
        placed = await self._client.private_post_orderlist_oco(
            {
                "symbol": SYMBOL, "side": "SELL", "quantity": str(quantity),
                "aboveType": "LIMIT_MAKER", "abovePrice": str(above),
                "belowType": "STOP_LOSS", "belowStopPrice": str(below),
            }
        )  # fmt: skip
        return str(placed["orderListId"])

    async def list_status(self, ident: str) -> str:
        """Return the status of a list."""
        found = await self._client.private_get_orderlist({"orderListId": ident})
        return str(found["listOrderStatus"])

    async def cancel_all(self) -> None:
        """Cancel all orders."""
        await self._client.cancel_all_orders(BTC)

    async def open_orders(self) -> dict[str, str]:
        """Return the type of each open order by its client id."""
        rows = await self._client.fetch_open_orders(BTC)
        return {row["clientOrderId"]: row["info"]["type"] for row in rows}

    async def trades(self) -> list[Trade]:
        """Return id, side, price, quantity, fee and fee asset of each trade."""
        return [
            (t["id"], t["side"].upper(), t["price"], t["amount"],
             t["fee"]["cost"], t["fee"]["currency"])
            for t in await self._client.fetch_my_trades(BTC)
        ]  # fmt: skip


class BinanceTrader:
    """Trades with python-binance's spot methods."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def symbols(self) -> set[str]:
        """Return the listed symbols."""
        info = await self._client.get_exchange_info()
        return {row["symbol"] for row in info["symbols"]}

    async def balances(self) -> dict[str, tuple[float, float]]:
        """Return free and locked amount by asset."""
        rows = (await self._client.get_account())["balances"]
        found = {row["asset"]: (float(row["free"]), float(row["locked"])) for row in rows}
        return {asset: pair for asset, pair in found.items() if any(pair)}

    async def order(self, side: str, kind: str, name: str, **more: Any) -> str:
        """Place an order with a client id and the exchange's parameters; return its status."""
        if kind == "LIMIT":
            more.setdefault("timeInForce", "GTC")
        response = await self._client.create_order(
            symbol=SYMBOL, side=side, type=kind, newClientOrderId=name, newOrderRespType="RESULT",
            **more,
        )  # fmt: skip
        return str(response["status"])

    async def status(self, name: str) -> tuple[str, float]:
        """Return status and filled quantity of an order, by its client id."""
        found = await self._client.get_order(symbol=SYMBOL, origClientOrderId=name)
        return found["status"], float(found["executedQty"])

    async def replace(self, name: str, new: str, price: float) -> None:
        """Cancel a limit buy of 0.01 and place it again at another price."""
        await self._client.cancel_replace_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=0.01, price=price,
            cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId=name,
            newClientOrderId=new,
        )  # fmt: skip

    async def cancel(self, name: str) -> None:
        """Cancel by client id."""
        await self._client.cancel_order(symbol=SYMBOL, origClientOrderId=name)

    async def oco(self, quantity: float, above: float, below: float) -> str:
        """Place a limit above and a stop below in one list; return the list's id."""
        placed = await self._client.order_oco_sell(
            symbol=SYMBOL, quantity=quantity, aboveType="LIMIT_MAKER", abovePrice=above,
            belowType="STOP_LOSS", belowStopPrice=below,
        )  # fmt: skip
        return str(placed["orderListId"])

    async def list_status(self, ident: str) -> str:
        """Return the status of a list."""
        found = await self._client.v3_get_order_list(orderListId=ident)
        return str(found["listOrderStatus"])

    async def cancel_all(self) -> None:
        """Cancel all orders."""
        await self._client.cancel_all_open_orders(symbol=SYMBOL)

    async def open_orders(self) -> dict[str, str]:
        """Return the type of each open order by its client id."""
        rows = await self._client.get_open_orders(symbol=SYMBOL)
        return {row["clientOrderId"]: row["type"] for row in rows}

    async def trades(self) -> list[Trade]:
        """Return id, side, price, quantity, fee and fee asset of each trade."""
        return [
            (str(t["id"]), "BUY" if t["isBuyer"] else "SELL", float(t["price"]), float(t["qty"]),
             float(t["commission"]), t["commissionAsset"])
            for t in await self._client.get_my_trades(symbol=SYMBOL)
        ]  # fmt: skip


class SdkTrader(SdkClient):
    """Trades with the spot methods of Binance's own SDK."""

    async def symbols(self) -> set[str]:
        """Return the listed symbols."""
        return {str(row.symbol) for row in (await self._request("exchange_info")).symbols}

    async def balances(self) -> dict[str, tuple[float, float]]:
        """Return free and locked amount by asset."""
        rows = (await self._request("get_account")).balances
        found = {row.asset: (float(row.free), float(row.locked)) for row in rows}
        return {asset: pair for asset, pair in found.items() if any(pair)}

    async def order(self, side: str, kind: str, name: str, **more: Any) -> str:
        """Place an order with a client id and the exchange's parameters; return its status."""
        if kind == "LIMIT":
            more.setdefault("timeInForce", "GTC")
        params = {SDK_NAMES[key]: value for key, value in more.items()}
        response = await self._request(
            "new_order", SYMBOL, side, kind, new_client_order_id=name,
            new_order_resp_type="RESULT", **params,
        )  # fmt: skip
        return str(response.status)

    async def status(self, name: str) -> tuple[str, float]:
        """Return status and filled quantity of an order, by its client id."""
        found = await self._request("get_order", SYMBOL, orig_client_order_id=name)
        return found.status, float(found.executed_qty)

    async def replace(self, name: str, new: str, price: float) -> None:
        """Cancel a limit buy of 0.01 and place it again at another price."""
        await self._request(
            "order_cancel_replace", SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE",
            time_in_force="GTC", quantity=0.01, price=price, cancel_orig_client_order_id=name,
            new_client_order_id=new,
        )  # fmt: skip

    async def cancel(self, name: str) -> None:
        """Cancel by client id."""
        await self._request("delete_order", SYMBOL, orig_client_order_id=name)

    async def oco(self, quantity: float, above: float, below: float) -> str:
        """Place a limit above and a stop below in one list; return the list's id."""
        placed = await self._request(
            "order_list_oco", SYMBOL, "SELL", quantity, "LIMIT_MAKER", "STOP_LOSS",
            above_price=above, below_stop_price=below,
        )  # fmt: skip
        return str(placed.order_list_id)

    async def list_status(self, ident: str) -> str:
        """Return the status of a list."""
        return str(
            (await self._request("get_order_list", order_list_id=int(ident))).list_order_status
        )

    async def cancel_all(self) -> None:
        """Cancel all orders."""
        await self._request("delete_open_orders", SYMBOL)

    async def open_orders(self) -> dict[str, str]:
        """Return the type of each open order by its client id."""
        rows = await self._request("get_open_orders", symbol=SYMBOL)
        return {row.client_order_id: row.type for row in rows}

    async def trades(self) -> list[Trade]:
        """Return id, side, price, quantity, fee and fee asset of each trade."""
        return [
            (str(t.id), "BUY" if t.is_buyer else "SELL", float(t.price), float(t.qty),
             float(t.commission), t.commission_asset)
            for t in await self._request("my_trades", SYMBOL)
        ]  # fmt: skip


Trader = CcxtTrader | BinanceTrader | SdkTrader
KINDS = {"ccxt": CcxtTrader, "python-binance": BinanceTrader, "sdk": SdkTrader}
CLIENTS = tuple(KINDS)


def spot_trader(name: str, url: str) -> AbstractAsyncContextManager[Trader]:
    """Open the client of that name, pointed at the sandbox by its base URL."""
    return opened_trader(name, "spot", url, KINDS)
