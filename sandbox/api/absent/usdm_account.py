"""Calls of a USDⓈ-M account about what a sandbox does not keep: downloads, conversions, contracts.

An order of a history is accepted and stays in process: the sandbox writes no files, and what is in
them is served by `income`, `allOrders` and `userTrades`. No pair is convertible, so a quote is
refused. The fee of futures is not paid in BNB, and the switch for it says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sandbox.api.requests import KEY, SIGNED, Route, names
from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import Refusal

NO_QUOTE = Refusal(-1130, "Data sent for parameter 'quoteId' is not valid.")
NO_SUCH_ORDER = Refusal(-2013, "Order does not exist.")
NO_BURN = Refusal(-1130, "Data sent for parameter 'feeBurn' is not valid: fees are paid in USDT.")
NO_CONTRACT = Refusal(-4109, "This account is inactive for contracts on stocks: none is listed.")
HISTORIES = ("income", "order", "trade")
_MOST_DAYS = 366


def _ordered(kind: str) -> Callable[[Any], dict[str, Any]]:
    """Return the handler of `GET /{kind}/asyn`: the same span has the same id."""

    def respond(call: Any) -> dict[str, Any]:
        call.params.need("startTime")
        call.params.need("endTime")
        start, end = call.params.span()
        if end - start > _MOST_DAYS * 86_400_000:
            raise error_codes.BAD_VALUE("endTime")
        text = f"{kind} {call.account.name} {start} {end}"
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        return {"avgCostTimestampOfLast30d": 0, "downloadId": str(number)}

    return respond


def _link(call: Any) -> dict[str, Any]:
    """`GET /…/asyn/id`: a history stays in process."""
    number = call.params.need("downloadId")
    return {
        "downloadId": number,
        "status": "processing",
        "url": "",
        "notified": False,
        "expirationTimestamp": -1,
        "isExpired": None,
    }


def _quote(call: Any) -> Any:
    for name in ("fromAsset", "toAsset"):
        call.params.need(name)
    if not (call.params.text("fromAmount") or call.params.text("toAmount")):
        raise error_codes.MISSING("fromAmount")
    raise error_codes.BAD_SYMBOL()


def _accept(call: Any) -> Any:
    call.params.need("quoteId")
    raise NO_QUOTE()


def _conversion(call: Any) -> Any:
    if not (call.params.text("orderId") or call.params.text("quoteId")):
        raise error_codes.MISSING("orderId")
    raise NO_SUCH_ORDER()


def _burn(call: Any) -> dict[str, Any]:
    call.params.need("feeBurn")
    if call.params.flag("feeBurn"):
        raise NO_BURN()
    return {"code": 200, "msg": "success"}


def _portfolio_margin(call: Any) -> dict[str, Any]:
    asset = call.params.need("asset")
    return {"maxWithdrawAmountUSD": "0", "asset": asset, "maxWithdrawAmount": "0"}


def _stock_contract(call: Any) -> Any:
    del call
    raise NO_CONTRACT()


ROUTES = {
    **{
        ("GET", f"/fapi/v1/{kind}/asyn"): Route(
            _ordered(kind), SIGNED, 1000, known=names("startTime endTime")
        )
        for kind in HISTORIES
    },
    **{
        ("GET", f"/fapi/v1/{kind}/asyn/id"): Route(_link, SIGNED, 10, known=names("downloadId"))
        for kind in HISTORIES
    },
    ("POST", "/fapi/v1/convert/getQuote"): Route(
        _quote, SIGNED, 50, known=names("fromAsset toAsset fromAmount toAmount validTime")
    ),
    ("POST", "/fapi/v1/convert/acceptQuote"): Route(_accept, SIGNED, 200, known=names("quoteId")),
    ("GET", "/fapi/v1/convert/orderStatus"): Route(
        _conversion, SIGNED, 50, known=names("orderId quoteId")
    ),
    ("POST", "/fapi/v1/feeBurn"): Route(_burn, SIGNED, known=names("feeBurn")),
    ("GET", "/fapi/v1/pmAccountInfo"): Route(_portfolio_margin, KEY, 5, known=names("asset")),
    ("POST", "/fapi/v1/stock/contract"): Route(_stock_contract, SIGNED, 50, known=names("")),
}
