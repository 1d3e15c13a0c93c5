"""Typed spot requests from request parameters; each mistake has its documented error code."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.money import ZERO
from sandbox.engines.spot import pegs
from sandbox.engines.spot.model import CONDITIONAL, TYPES, Peg, SpotOrderRequest
from sandbox.engines.spot.rejections import BAD_PEG, BAD_PEG_OFFSET, OPO_SIDES
from sandbox.protocol.params import CLIENT_ID, Params

TIMES_IN_FORCE = ("GTC", "IOC", "FOK")


def client_id(params: Params, name: str) -> str:
    """Return a client order id; refuse illegal characters (−1100)."""
    value = params.text(name) or ""
    if value and not CLIENT_ID.match(value):
        raise error_codes.ILLEGAL(name, "^[a-zA-Z0-9-_]{1,36}$")
    return value


def _tif(params: Params, name: str, kind: str) -> str:
    """Read a time in force: required for orders with a limit price, refused for all others."""
    value = params.text(name)
    limited = kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
    if limited:
        value = params.need(name)
    elif value is not None:
        raise error_codes.NOT_REQUIRED(name)
    if value is not None and value not in TIMES_IN_FORCE:
        raise error_codes.BAD_TIF()
    return value or "GTC"


def new_order(params: Params) -> SpotOrderRequest:
    """Return the order that `POST /order` requests."""
    symbol, side, kind = params.symbol(), params.side(), params.need("type")
    if kind not in TYPES:
        raise error_codes.BAD_TYPE()
    if kind == "MARKET":
        if (params.text("quantity") is None) == (params.text("quoteOrderQty") is None):
            if params.text("quantity") is None:
                raise error_codes.MISSING("quantity")
            raise error_codes.COMBINATION()
    else:
        params.need("quantity")
    peg = _peg(params, "peg", "price")
    if peg is None:
        _check_price(params, "price", kind)
    _check_stop(params, kind)
    return SpotOrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=positive(params, "quantity"),
        quote=positive(params, "quoteOrderQty"),
        price=positive(params, "price"),
        stop_price=positive(params, "stopPrice"),
        trailing=params.integer("trailingDelta") or 0,
        tif=_tif(params, "timeInForce", kind),
        client_id=client_id(params, "newClientOrderId"),
        prevention=params.prevention(),
        peg=peg,
    )


def _peg(params: Params, prefix: str, price: str) -> Peg | None:
    """Return the peg that the parameters with ``prefix`` request, if any."""
    kind, offset_type = params.text(f"{prefix}PriceType"), params.text(f"{prefix}OffsetType")
    offset = params.integer(f"{prefix}OffsetValue")
    if (offset_type is None) != (offset is None) or (kind is None and offset_type is not None):
        raise error_codes.COMBINATION()
    if kind is None:
        return None
    if kind not in pegs.KINDS:
        raise BAD_PEG()
    if offset_type not in (None, pegs.PRICE_LEVEL):
        raise BAD_PEG_OFFSET()
    if offset is not None and not 0 <= offset <= pegs.DEEPEST:
        raise error_codes.BAD_VALUE(f"{prefix}OffsetValue")
    return Peg(kind, offset, positive(params, price))


def positive(params: Params, name: str) -> Decimal:
    """Return an amount, 0 when it is absent; refuse one that is not above 0 (−1013)."""
    amount = params.amount(name)
    if params.text(name) is not None and amount <= ZERO:
        raise error_codes.INVALID_AMOUNT(name)
    return amount


def _check_price(params: Params, name: str, kind: str) -> None:
    if kind in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        params.need(name)
    elif params.text(name) is not None:
        raise error_codes.NOT_REQUIRED(name)


def _check_stop(params: Params, kind: str) -> None:
    stop, trailing = params.text("stopPrice"), params.text("trailingDelta")
    if kind in CONDITIONAL:
        if stop is None and trailing is None:
            raise error_codes.MISSING("stopPrice")
    elif stop is not None:
        raise error_codes.NOT_REQUIRED("stopPrice")
    elif trailing is not None:
        raise error_codes.NOT_REQUIRED("trailingDelta")


def list_legs(params: Params) -> tuple[SpotOrderRequest, SpotOrderRequest]:
    """Return the legs that `POST /orderList/oco` requests: above, below."""
    params.symbol()
    params.side()
    params.need("quantity")
    return _leg(params, "above"), _leg(params, "below")


def paying_legs(params: Params) -> tuple[SpotOrderRequest, list[SpotOrderRequest]]:
    """Return the orders that `POST /orderList/opo` and `/opoco` request: working, pending.

    The pending ones have no quantity yet; only a BUY pays for SELL orders.
    """
    params.need("workingSide"), params.need("pendingSide")
    if params.text("workingSide") != "BUY" or params.text("pendingSide") != "SELL":
        raise OPO_SIDES()
    working, pending = triggering_legs(params.renamed({}, pendingQuantity="1"))
    return working, [replace(leg, quantity=ZERO) for leg in pending]


def triggering_legs(params: Params) -> tuple[SpotOrderRequest, list[SpotOrderRequest]]:
    """Return the orders that `POST /orderList/oto` and `/otoco` request: working, pending."""
    kind = params.need("workingType")
    if kind not in ("LIMIT", "LIMIT_MAKER"):
        raise error_codes.BAD_TYPE()
    working = new_order(params.renamed(_names("working")))
    if params.text("pendingType") is not None:
        return working, [new_order(params.renamed(_names("pending")))]
    params.need("pendingSide"), params.need("pendingQuantity"), params.need("pendingAboveType")
    names = {f"pending{where}{name}": f"{where.lower()}{name}" for where in ("Above", "Below")
             for name in LEG_NAMES}  # fmt: skip
    pair = params.renamed(names | {"pendingSide": "side", "pendingQuantity": "quantity"})
    return working, [_leg(pair, "above"), _leg(pair, "below")]


PEG_NAMES = ("PegPriceType", "PegOffsetType", "PegOffsetValue")
SHARED_NAMES = ("Type", "Price", "StopPrice", "TrailingDelta", "TimeInForce", *PEG_NAMES)
SINGLE_NAMES = (*SHARED_NAMES, "Side", "Quantity")
LEG_NAMES = (*SHARED_NAMES, "ClientOrderId")


def _names(where: str) -> dict[str, str]:
    """Return the names of a single order's parameters by those with the prefix ``where``."""
    found = {f"{where}{name}": name[0].lower() + name[1:] for name in SINGLE_NAMES}
    return found | {f"{where}ClientOrderId": "newClientOrderId"}


def _leg(params: Params, where: str) -> SpotOrderRequest:
    kind = params.need(f"{where}Type")
    if kind not in ("LIMIT_MAKER", *CONDITIONAL):
        raise error_codes.BAD_TYPE()
    peg = _peg(params, f"{where}Peg", f"{where}Price")
    if peg is None:
        _check_price(params, f"{where}Price", kind)
    if kind in CONDITIONAL and params.text(f"{where}TrailingDelta") is None:
        params.need(f"{where}StopPrice")
    elif kind == "LIMIT_MAKER" and params.text(f"{where}StopPrice") is not None:
        raise error_codes.NOT_REQUIRED(f"{where}StopPrice")
    return SpotOrderRequest(
        symbol=params.symbol(),
        side=params.side(),
        type=kind,
        quantity=positive(params, "quantity"),
        price=positive(params, f"{where}Price"),
        stop_price=positive(params, f"{where}StopPrice"),
        trailing=params.integer(f"{where}TrailingDelta") or 0,
        tif=_tif(params, f"{where}TimeInForce", kind),
        client_id=client_id(params, f"{where}ClientOrderId"),
        prevention=params.prevention(),
        peg=peg,
    )


def old_oco(params: Params) -> tuple[SpotOrderRequest, SpotOrderRequest]:
    """Return the legs that the deprecated `POST /order/oco` requests: above, below."""
    side = params.side()
    stop_limit = params.text("stopLimitPrice") is not None
    limit = SpotOrderRequest(
        symbol=params.symbol(),
        side=side,
        type="LIMIT_MAKER",
        quantity=positive(params, "quantity"),
        price=params.amount(params.need("price") and "price"),
        client_id=client_id(params, "limitClientOrderId"),
    )
    params.need("stopPrice")
    stop = SpotOrderRequest(
        symbol=params.symbol(),
        side=side,
        type="STOP_LOSS_LIMIT" if stop_limit else "STOP_LOSS",
        quantity=positive(params, "quantity"),
        price=params.amount("stopLimitPrice"),
        stop_price=positive(params, "stopPrice"),
        tif=params.text("stopLimitTimeInForce") or "GTC",
        client_id=client_id(params, "stopClientOrderId"),
    )
    return (limit, stop) if side == "SELL" else (stop, limit)
