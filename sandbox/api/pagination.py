"""Pages of an account's history: orders by id or time, trades of a symbol."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Protocol, TypeVar

from sandbox.engines.common import error_codes
from sandbox.protocol.params import Params


class Dated(Protocol):
    """Something that happened at a market time (ms)."""

    @property
    def time(self) -> int:
        """Market time (ms)."""


class AccountTrade(Dated, Protocol):
    """A trade of an account on either venue."""

    @property
    def symbol(self) -> str:
        """The traded symbol."""

    @property
    def order_id(self) -> int:
        """The order that was filled."""


D = TypeVar("D", bound=Dated)
T = TypeVar("T", bound=AccountTrade)


def page(params: Params, rows: Iterable[D], ident: str, first: int | None) -> list[D]:
    """Return the rows of the requested span whose ``ident`` is ``first`` or later, oldest first.

    A request with a start gets the rows from there on, any other the newest rows.
    """
    start, end = params.span()
    number = attrgetter(ident)
    found = [
        row
        for row in rows
        if (first is None or number(row) >= first)
        and (start is None or row.time >= start)
        and (end is None or row.time <= end)
    ]
    limit = params.limit(500, 1000)
    return found[:limit] if first is not None or start is not None else found[-limit:]


def trades(params: Params, fills: Iterable[T], symbol: str) -> list[T]:
    """Return the page of a symbol's trades that ``orderId``, ``fromId`` and the span select."""
    order_id, first = params.integer("orderId"), params.integer("fromId")
    if first is not None and any(time is not None for time in params.span()):
        raise error_codes.COMBINATION()
    mine = (f for f in fills if f.symbol == symbol and order_id in (None, f.order_id))
    return page(params, mine, "trade_id", first)
