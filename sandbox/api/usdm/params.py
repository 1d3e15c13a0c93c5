"""Request parameters: from texts to typed requests, each mistake with its documented code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import PREVENTIONS
from sandbox.engines.usdm.model import BOTH, CONDITIONAL_TYPES, POSITION_SIDES, TRAILING
from sandbox.engines.usdm.requests import NewAlgo, NewOrder

CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
INTEGER = re.compile(r"^[0-9]{1,20}$")
AMOUNT = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
SYMBOL = re.compile(r"^[A-Z0-9-_.]{1,20}$")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
WORKING_TYPES = ("CONTRACT_PRICE", "MARK_PRICE")
MIN_CALLBACK, MAX_CALLBACK = Decimal("0.1"), Decimal(20)


class Params:
    """Merged query and body parameters of one request."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def renamed(self, names: Mapping[str, str], **more: str) -> Params:
        """The same parameters under other names, and some more."""
        return Params({names.get(name, name): v for name, v in self._values.items()} | more)

    def text(self, name: str) -> str | None:
        """The value, None when it is absent or empty."""
        return self._values.get(name) or None

    def require_known(self, known: frozenset[str]) -> None:
        """−1104 when there is any other parameter."""
        unread = set(self._values) - known
        if unread:
            total = len(self._values)
            raise error_codes.TOO_MANY_PARAMETERS(total - len(unread), total)

    def need(self, name: str) -> str:
        """The value; −1102 when it is absent."""
        value = self._values.get(name)
        if not value:
            raise error_codes.MISSING(name)
        return value

    def integer(self, name: str) -> int | None:
        """A whole number; −1100 when it is something else."""
        value = self.text(name)
        if value is None:
            return None
        if not INTEGER.match(value):
            raise error_codes.ILLEGAL(name, INTEGER.pattern)
        return int(value)

    def span(self) -> tuple[int | None, int | None]:
        """``startTime`` and ``endTime`` (ms); −1023 when they are the wrong way round."""
        start, end = self.integer("startTime"), self.integer("endTime")
        if start is not None and end is not None and start > end:
            raise error_codes.BACKWARDS()
        return start, end

    def limit(self, default: int, maximum: int) -> int:
        """The page size, within its bounds."""
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise error_codes.BAD_VALUE("limit")
        return min(value, maximum)

    def amount(self, name: str) -> Decimal:
        """A decimal, 0 when it is absent; −1100 when it is not a plain number."""
        value = self._values.get(name)
        if not value:
            return ZERO
        if not AMOUNT.match(value):
            raise error_codes.ILLEGAL(name, AMOUNT.pattern)
        return Decimal(value)

    def flag(self, name: str) -> bool:
        """A true/false parameter, false when it is absent; −1130 for anything else."""
        value = self._values.get(name)
        if not value:
            return False
        if value.lower() not in ("true", "false"):
            raise error_codes.BAD_VALUE(name)
        return value.lower() == "true"

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of ``allowed``; −1130 for anything else."""
        value = self._values.get(name) or default
        if value not in allowed:
            raise error_codes.BAD_VALUE(name)
        return value

    def symbol(self) -> str:
        """The symbol; −1102 when it is absent, −1100 when no symbol could look like that."""
        value = self.need("symbol")
        if not SYMBOL.match(value):
            raise error_codes.ILLEGAL("symbol", SYMBOL.pattern)
        return value


def _side(params: Params) -> str:
    side = params.need("side")
    if side not in ("BUY", "SELL"):
        raise error_codes.BAD_SIDE()
    return side


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


def new_order(params: Params) -> NewOrder:
    """The order that `POST /order` asks for."""
    kind = params.need("type")
    if kind in CONDITIONAL_TYPES or params.flag("closePosition"):
        raise error_codes.USE_ALGO()
    if kind not in ("LIMIT", "MARKET"):
        raise error_codes.BAD_TYPE()
    side, symbol = _side(params), params.symbol()
    params.need("quantity")
    if kind == "LIMIT":
        params.need("price")
    elif params.text("price") is not None:
        raise error_codes.NOT_REQUIRED("price")
    return NewOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=params.amount("quantity"),
        price=params.amount("price"),
        tif=_tif(params, required=kind == "LIMIT"),
        reduce_only=params.flag("reduceOnly"),
        client_id=_client_id(params, "newClientOrderId"),
        prevention=params.choice("selfTradePreventionMode", PREVENTIONS[0], PREVENTIONS),
        position_side=_position_side(params),
    )


def new_algo(params: Params) -> NewAlgo:
    """The conditional order that `POST /algoOrder` asks for."""
    if params.need("algoType") != "CONDITIONAL":
        raise error_codes.BAD_VALUE("algoType")
    kind = params.need("type")
    if kind not in CONDITIONAL_TYPES:
        raise error_codes.BAD_TYPE()
    side = _side(params)
    closing = params.flag("closePosition")
    _check_closing(params, kind, closing=closing)
    if kind == TRAILING:
        _check_trailing(params)
    else:
        params.need("triggerPrice")
    if kind in ("STOP", "TAKE_PROFIT"):
        params.need("price")
    return NewAlgo(
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
        prevention=params.choice("selfTradePreventionMode", PREVENTIONS[0], PREVENTIONS),
        position_side=_position_side(params),
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
