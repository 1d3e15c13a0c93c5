"""Typed USDⓈ-M requests from request parameters; each mistake has its documented error code."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.usdm.model import (
    BOTH,
    CONDITIONAL_TYPES,
    NO_MATCH,
    POSITION_SIDES,
    PRICE_MATCHES,
    TRAILING,
)
from sandbox.engines.usdm.requests import AlgoOrderRequest, UsdmOrderRequest
from sandbox.protocol.params import CLIENT_ID, Params

TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
MIN_LIFE_MS = 600_000
MAX_TIME = 253_402_300_799_000
WORKING_TYPES = ("CONTRACT_PRICE", "MARK_PRICE")
MIN_CALLBACK, MAX_CALLBACK = Decimal("0.1"), Decimal(20)


def _position_side(params: Params) -> str:
    side = params.text("positionSide") or BOTH
    if side not in POSITION_SIDES:
        raise error_codes.BAD_POSITION_SIDE()
    return side


def _client_id(params: Params, name: str) -> str:
    value = params.text(name) or ""
    if value and not CLIENT_ID.match(value):
        raise error_codes.BAD_CLIENT_ID()
    return value


def _tif(params: Params, *, required: bool) -> str:
    value = params.text("timeInForce")
    if value is None:
        if required:
            raise error_codes.MISSING("timeInForce")
        return "GTC"
    if value not in TIMES_IN_FORCE:
        raise error_codes.BAD_TIF()
    return value


def _good_till(params: Params, now: int) -> int:
    """Return the end of a GTD order (ms of market time, whole seconds), 0 for any other."""
    if params.text("timeInForce") != "GTD":
        return 0
    until = params.integer("goodTillDate")
    if until is None:
        raise error_codes.MISSING("goodTillDate")
    if not now + MIN_LIFE_MS < until < MAX_TIME:
        raise error_codes.BAD_VALUE("goodTillDate")
    return until // 1_000 * 1_000


def price_match(params: Params) -> str:
    """Return the `priceMatch` mode, which stands in place of a price."""
    mode = params.choice("priceMatch", NO_MATCH, (NO_MATCH, *PRICE_MATCHES))
    if mode != NO_MATCH and params.text("price") is not None:
        raise error_codes.PRICE_WITH_MATCH()
    return mode


def new_order(params: Params, now: int) -> UsdmOrderRequest:
    """Return the order that `POST /order` requests at market time ``now``."""
    kind = params.need("type")
    if kind in CONDITIONAL_TYPES or params.flag("closePosition"):
        raise error_codes.USE_ALGO()
    if kind not in ("LIMIT", "MARKET"):
        raise error_codes.BAD_TYPE()
    side, symbol = params.side(), params.symbol()
    params.need("quantity")
    match = price_match(params)
    if kind == "LIMIT":
        if match == NO_MATCH:
            params.need("price")
    elif match != NO_MATCH:
        raise error_codes.NOT_REQUIRED("priceMatch")
    elif params.text("price") is not None:
        raise error_codes.NOT_REQUIRED("price")
    return UsdmOrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.amount("quantity"),
        price=params.amount("price"),
        tif=_tif(params, required=kind == "LIMIT"),
        reduce_only=params.flag("reduceOnly"),
        client_id=_client_id(params, "newClientOrderId"),
        prevention=params.prevention(),
        position_side=_position_side(params),
        price_match=match,
        good_till=_good_till(params, now),
    )


def new_algo(params: Params, now: int) -> AlgoOrderRequest:
    """Return the conditional order that `POST /algoOrder` requests at market time ``now``."""
    if params.need("algoType") != "CONDITIONAL":
        raise error_codes.BAD_VALUE("algoType")
    kind = params.need("type")
    if kind not in CONDITIONAL_TYPES:
        raise error_codes.BAD_TYPE()
    side = params.side()
    closing = params.flag("closePosition")
    _check_closing(params, kind, closing=closing)
    if kind == TRAILING:
        _check_trailing(params)
    else:
        params.need("triggerPrice")
    match = price_match(params)
    if kind in ("STOP", "TAKE_PROFIT") and match == NO_MATCH:
        params.need("price")
    return AlgoOrderRequest(
        symbol=params.symbol(),
        side=side,
        type=kind,
        quantity=params.amount("quantity"),
        price=params.amount("price"),
        trigger_price=params.amount("triggerPrice"),
        tif=_tif(params, required=False),
        reduce_only=params.flag("reduceOnly"),
        close_position=closing,
        client_id=_client_id(params, "clientAlgoId"),
        working_type=params.choice("workingType", "CONTRACT_PRICE", WORKING_TYPES),
        price_protect=params.flag("priceProtect"),
        activate_price=params.amount("activatePrice"),
        callback_rate=params.amount("callbackRate"),
        prevention=params.prevention(),
        position_side=_position_side(params),
        price_match=match,
        good_till=_good_till(params, now),
    )


def _check_closing(params: Params, kind: str, *, closing: bool) -> None:
    if not closing:
        params.need("quantity")
        return
    if kind not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
        raise error_codes.CLOSE_TYPE(kind)
    if params.text("quantity") is not None:
        raise error_codes.CLOSE_WITH_QUANTITY()
    if params.text("reduceOnly") is not None:
        raise error_codes.CLOSE_WITH_REDUCE()


def _check_trailing(params: Params) -> None:
    params.need("callbackRate")
    if not MIN_CALLBACK <= params.amount("callbackRate") <= MAX_CALLBACK:
        raise error_codes.BAD_VALUE("callbackRate")
