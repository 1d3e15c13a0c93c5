"""Calls of USDⓈ-M about what a sandbox neither has nor records: an empty, valid response.

Statistics of other traders, deliveries, conversions, insurance funds, trading hours.
"""

from __future__ import annotations

from typing import Any

from sandbox.api.requests import PUBLIC, SIGNED, Route


def _nothing(call: Any) -> list[Any]:
    del call
    return []


def _indicators(call: Any) -> dict[str, Any]:
    return {"indicators": {}, "updateTime": call.exchange.now}


def _burn(call: Any) -> dict[str, Any]:
    del call
    return {"feeBurn": False}


def _insurance(call: Any) -> dict[str, Any]:
    del call
    return {"symbols": [], "assets": []}


def _schedule(call: Any) -> dict[str, Any]:
    return {"updateTime": call.exchange.now, "marketSchedules": {}}


STATISTICS = (
    "basis", "delivery-price", "globalLongShortAccountRatio", "openInterestHist",
    "takerlongshortRatio", "topLongShortAccountRatio", "topLongShortPositionRatio",
)  # fmt: skip
ROUTES = {
    **{("GET", f"/futures/data/{name}"): Route(_nothing, PUBLIC) for name in STATISTICS},
    ("GET", "/fapi/v1/apiTradingStatus"): Route(_indicators, SIGNED),
    ("GET", "/fapi/v1/assetIndex"): Route(_nothing, PUBLIC),
    ("GET", "/fapi/v1/convert/exchangeInfo"): Route(_nothing, PUBLIC),
    ("GET", "/fapi/v1/feeBurn"): Route(_burn, SIGNED),
    ("GET", "/fapi/v1/insuranceBalance"): Route(_insurance, PUBLIC),
    ("GET", "/fapi/v1/symbolAdlRisk"): Route(_nothing, PUBLIC),
    ("GET", "/fapi/v1/tradingSchedule"): Route(_schedule, PUBLIC),
}
