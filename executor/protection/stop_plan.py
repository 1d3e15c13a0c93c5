"""The protective orders of a position: what should rest against what does (pure functions)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from executor.model import Instrument, OrderKind, VenueOrder
from executor.portfolio.position_state import OpenPosition
from trading.order_ids import OrderLeg, is_ours, parse_order_id

_KINDS = {
    OrderLeg.STOP: OrderKind.STOP_MARKET,
    OrderLeg.TARGET: OrderKind.TAKE_PROFIT_MARKET,
}


@dataclass(frozen=True, slots=True)
class ProtectiveOrder:
    """One conditional order that should rest; without a quantity it closes the position."""

    leg: OrderLeg
    side: str
    kind: OrderKind
    trigger_price: Decimal
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StopPlan:
    """Differences between what should rest and what does."""

    keep: tuple[VenueOrder, ...]
    place: tuple[ProtectiveOrder, ...]
    cancel: tuple[VenueOrder, ...]

    @property
    def done(self) -> bool:
        """Whether everything rests as it should."""
        return not self.place and not self.cancel


def desired_orders(
    position: OpenPosition, instrument: Instrument, quantity: Decimal | None = None
) -> tuple[ProtectiveOrder, ...]:
    """The stop, and the take-profit where there is one, of an open position.

    With ``quantity`` they close only so much: the rest is not ours.
    """
    side = "SELL" if position.side > 0 else "BUY"
    levels = (
        (OrderLeg.STOP, position.protective_price),
        (OrderLeg.TARGET, position.take_profit_price),
    )
    return tuple(
        ProtectiveOrder(leg, side, _KINDS[leg], instrument.round_price(level), quantity)
        for leg, level in levels
        if level is not None and level > 0
    )


def plan_stops(
    wanted: Iterable[ProtectiveOrder], resting: Iterable[VenueOrder], *, paired: bool = False
) -> StopPlan:
    """Compare; our orders that are not wanted, or doubled, are cancelled.

    ``paired`` orders lock one balance: they rest as one pair, or all of them are placed again.
    """
    wanted = tuple(wanted)
    ours = [o for o in resting if o.resting and is_ours(o.client_id) and o.conditional]
    keep: list[VenueOrder] = []
    place: list[ProtectiveOrder] = []
    for order in wanted:
        match = next((o for o in ours if _matches(order, o)), None)
        if match is None:
            place.append(order)
        else:
            keep.append(match)
    if paired and (place or len({order.parent for order in keep}) > 1):
        keep, place = [], list(wanted)
    kept = {order.client_id for order in keep}
    cancel = tuple(order for order in ours if order.client_id not in kept)
    return StopPlan(tuple(keep), tuple(place), cancel)


def _matches(wanted: ProtectiveOrder, order: VenueOrder) -> bool:
    return (
        order.kind == wanted.kind.value
        and order.side == wanted.side
        and _closes(order) == wanted.quantity
        and order.trigger_price == wanted.trigger_price
        and parse_order_id(order.client_id).leg is wanted.leg
    )


def _closes(order: VenueOrder) -> Decimal | None:
    return None if order.close_position else order.quantity


def crossed(order: VenueOrder, position_side: int, price: float) -> bool:
    """Whether ``price`` has reached the trigger of a protective order."""
    trigger = float(order.trigger_price)
    falling = (order.kind == OrderKind.STOP_MARKET) == (position_side > 0)
    return price <= trigger if falling else price >= trigger
