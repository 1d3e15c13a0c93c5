"""Pages of an account's history: orders by id or time, trades of a symbol."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Protocol, TypeVar

from sandbox.engines.common import error_codes
from sandbox.protocol.params import Params


class AccountTrade(Protocol):
    """A trade of an account on either venue."""

    @property
    def symbol(self) -> str:
        """The traded symbol."""

    @property
    def order_id(self) -> int:
        """The order that was filled."""


R = TypeVar("R")
T = TypeVar("T", bound=AccountTrade)


def select(
    params: Params, rows: Iterable[R], ident: str, first: int | None, time: str = "time"
) -> list[R]:
    """Return the rows of the requested span whose ``ident`` is ``first`` or later."""
    start, end = params.span()
    number_of, time_of = attrgetter(ident), attrgetter(time)
    return [
        row
        for row in rows
        if (first is None or number_of(row) >= first)
        and (start is None or time_of(row) >= start)
        and (end is None or time_of(row) <= end)
    ]


def page(params: Params, rows: Iterable[R], ident: str, first: int | None) -> list[R]:
    """Return a page of the selected rows, oldest first.

    A request with a start gets the rows from there on, any other the newest rows.
    """
    found = select(params, rows, ident, first)
    limit = params.limit(500, 1000)
    started = first is not None or params.span()[0] is not None
    return found[:limit] if started else found[-limit:]


def newest(
    params: Params, rows: Iterable[R], ident: str, first: int | None, time: str = "time"
) -> list[R]:
    """Return the newest of the selected rows, oldest first."""
    return select(params, rows, ident, first, time)[-params.limit(500, 1000) :]


def trades(params: Params, fills: Iterable[T], symbol: str) -> list[T]:
    """Return the page of a symbol's trades that ``orderId``, ``fromId`` and the span select."""
    order_id, first = params.integer("orderId"), params.integer("fromId")
    if first is not None and any(time is not None for time in params.span()):
        raise error_codes.COMBINATION()
    mine = (f for f in fills if f.symbol == symbol and order_id in (None, f.order_id))
    return page(params, mine, "trade_id", first)
