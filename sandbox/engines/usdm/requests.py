"""Requests of an account: an order or a conditional order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.money import ZERO
from sandbox.engines.usdm.model import BOTH, NO_MATCH


@dataclass(frozen=True, slots=True)
class UsdmOrderRequest:
    """A request for an order; ``price`` is 0 for MARKET."""

    symbol: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal = ZERO
    tif: str = "GTC"
    reduce_only: bool = False
    client_id: str = ""
    close_position: bool = False
    algo_id: int = 0
    orig_type: str = ""
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    prevention: str = "EXPIRE_MAKER"
    position_side: str = BOTH
    order_id: int = 0
    price_match: str = NO_MATCH
    good_till: int = 0


@dataclass(frozen=True, slots=True)
class AlgoOrderRequest:
    """A request for a conditional order; unused amounts are 0.

    One placed ``on_order`` has an order id, and its child order keeps it.
    """

    symbol: str
    side: str
    type: str
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    trigger_price: Decimal = ZERO
    tif: str = "GTC"
    reduce_only: bool = False
    close_position: bool = False
    client_id: str = ""
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    activate_price: Decimal = ZERO
    callback_rate: Decimal = ZERO
    prevention: str = "EXPIRE_MAKER"
    position_side: str = BOTH
    on_order: bool = False
    price_match: str = NO_MATCH
    good_till: int = 0
