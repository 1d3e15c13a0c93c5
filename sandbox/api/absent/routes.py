"""Routes of the markets that are not simulated, and of the wallet calls that clients start with.

A stock client loads the markets of every host that it knows before it trades one of them. COIN-M
futures, options, and the venue that a sandbox does not serve respond with an exchange that lists
nothing, so that the client starts. A served venue's own routes come first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.api.absent import unrecorded, usdm_account
from sandbox.api.requests import KEY, PUBLIC, SIGNED, Route
from sandbox.engines.common import error_codes
from sandbox.market.clock import wall_ms

Handler = Callable[[Any], Any]
RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2_400}
]


def _always(body: Any) -> Handler:
    """Return a handler that always responds with ``body``."""
    return lambda _: body


def _server_time(call: Any) -> dict[str, Any]:
    return {"serverTime": call.exchange.faults.exchange_ms()}


def _exchange_info(**more: Any) -> Handler:
    def respond(call: Any) -> dict[str, Any]:
        del call
        head = {"timezone": "UTC", "serverTime": wall_ms(), "rateLimits": RATE_LIMITS}
        return {**head, "exchangeFilters": [], "symbols": [], **more}

    return respond


def _unlisted(call: Any) -> list[Any]:
    """Return an empty list; refuse a symbol, since none is listed (−1121)."""
    if call.params.text("symbol") or call.params.text("pair"):
        raise error_codes.BAD_SYMBOL()
    return []


def _system_status(call: Any) -> dict[str, Any]:
    closed = call.exchange.faults.closed
    return {"status": int(closed), "msg": "system_maintenance" if closed else "normal"}


def _public(root: str, *paths: str) -> dict[tuple[str, str], Route]:
    return {("GET", f"{root}/{path}"): Route(_unlisted) for path in paths}


def _signed(root: str, *paths: str) -> dict[tuple[str, str], Route]:
    return {("GET", f"{root}/{path}"): Route(_unlisted, SIGNED) for path in paths}


def _basic(root: str, version: str, **info: Any) -> dict[tuple[str, str], Route]:
    return {
        ("GET", f"{root}/{version}/ping"): Route(_always({})),
        ("GET", f"{root}/{version}/time"): Route(_server_time),
        ("GET", f"{root}/{version}/exchangeInfo"): Route(_exchange_info(**info)),
    }


MARKET_DATA = (
    "klines", "depth", "trades", "aggTrades", "ticker/price", "ticker/bookTicker", "ticker/24hr"
)  # fmt: skip
DERIVATIVES = (
    "premiumIndex", "fundingRate", "fundingInfo", "continuousKlines", "indexPriceKlines",
    "markPriceKlines", "openInterest", "constituents",
)  # fmt: skip
NO_ACCOUNT = {
    "feeTier": 0,
    "canTrade": True,
    "canDeposit": True,
    "canWithdraw": True,
    "updateTime": 0,
    "assets": [],
    "positions": [],
}
TRADING = {
    "data": {
        "isLocked": False,
        "plannedRecoverTime": 0,
        "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
        "updateTime": 0,
    }
}
PERMISSIONS = {
    "ipRestrict": False,
    "createTime": 1700000000000,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": True,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableSpotAndMarginTrading": True,
}
WALLET = {
    ("GET", "/sapi/v1/system/status"): Route(_system_status, PUBLIC),
    ("GET", "/sapi/v1/account/status"): Route(_always({"data": "Normal"}), SIGNED),
    ("GET", "/sapi/v1/account/apiTradingStatus"): Route(_always(TRADING), SIGNED),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(_always(PERMISSIONS), SIGNED),
    ("GET", "/sapi/v1/account/info"): Route(
        _always(
            {
                "vipLevel": 0,
                "isMarginEnabled": False,
                "isFutureEnabled": True,
                "isOptionsEnabled": False,
                "isPortfolioMarginRetailEnabled": False,
            }
        ),
        SIGNED,
    ),
    ("POST", "/sapi/v3/asset/getUserAsset"): Route(_always([]), SIGNED),
    ("POST", "/sapi/v1/asset/get-funding-asset"): Route(_always([]), SIGNED),
    **_signed(
        "/sapi/v1",
        "asset/tradeFee",
        "asset/wallet/balance",
        "capital/deposit/hisrec",
        "capital/withdraw/history",
        "margin/allAssets",
    ),
    **_public("/sapi/v1", "capital/config/getall", "margin/allPairs", "margin/isolated/allPairs"),
}
COIN_M = {
    **_basic("/dapi", "v1"),
    **_public("/dapi/v1", *MARKET_DATA, *DERIVATIVES),
    **_signed(
        "/dapi/v1",
        "balance",
        "positionRisk",
        "openOrders",
        "openAlgoOrders",
        "allOrders",
        "userTrades",
        "income",
        "leverageBracket",
        "forceOrders",
    ),
    ("GET", "/dapi/v2/leverageBracket"): Route(_unlisted, SIGNED),
    ("GET", "/dapi/v1/account"): Route(_always(NO_ACCOUNT), SIGNED),
    ("GET", "/dapi/v1/positionSide/dual"): Route(_always({"dualSidePosition": False}), SIGNED),
    ("POST", "/dapi/v1/listenKey"): Route(_always({"listenKey": "0" * 64}), KEY),
    ("PUT", "/dapi/v1/listenKey"): Route(_always({}), KEY),
    ("DELETE", "/dapi/v1/listenKey"): Route(_always({}), KEY),
}
OPTIONS = {
    **_basic("/eapi", "v1", optionContracts=[], optionAssets=[], optionSymbols=[]),
    **_public("/eapi/v1", "klines", "depth", "trades", "ticker", "mark"),
    **_signed("/eapi/v1", "account", "position", "openOrders", "historyOrders", "userTrades"),
}
USDM = {
    **_basic("/fapi", "v1", futuresType="U_MARGINED", assets=[]),
    **_public("/fapi/v1", *MARKET_DATA, *DERIVATIVES),
    **_signed("/fapi/v1", "openOrders", "openAlgoOrders", "allOrders", "leverageBracket", "income"),
    **_signed("/fapi/v3", "balance", "positionRisk"),
    **_signed("/fapi/v2", "balance", "positionRisk"),
    ("GET", "/fapi/v2/account"): Route(_always(NO_ACCOUNT), SIGNED),
    ("GET", "/fapi/v3/account"): Route(_always(NO_ACCOUNT), SIGNED),
}
SPOT = {
    **_basic("/api", "v3"),
    **_public("/api/v3", *MARKET_DATA),
    **_signed("/api/v3", "openOrders", "openOrderList"),
}
ROUTES = {**unrecorded.ROUTES, **usdm_account.ROUTES, **SPOT, **USDM, **COIN_M, **OPTIONS, **WALLET}
