"""One REST call on its way to a handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import errors
from sandbox.engine.core import Core
from sandbox.engine.model import Account
from sandbox.feed import Feed
from sandbox.usdm.exchange import Exchange
from sandbox.usdm.params import Params

PUBLIC, KEY, SIGNED = "public", "key", "signed"


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler works on; ``account`` is set for every call with a key."""

    exchange: Exchange
    params: Params
    key_account: Account | None = None

    @property
    def account(self) -> Account:
        """The caller's account."""
        if self.key_account is None:
            raise errors.BAD_KEY_FORMAT()
        return self.key_account

    @property
    def core(self) -> Core:
        """The engine's state."""
        return self.exchange.engine.core

    def feed(self, symbol: str) -> Feed:
        """The feed of a symbol; −1121 when it is not listed."""
        feed = self.exchange.feeds.get(symbol)
        if feed is None:
            raise errors.BAD_SYMBOL()
        return feed

    def feeds(self) -> list[Feed]:
        """The feed of the given symbol, or all feeds."""
        symbol = self.params.text("symbol")
        return [self.feed(symbol)] if symbol else list(self.exchange.feeds.values())

    def one_or_all(self, view: Callable[[Feed], Any]) -> Any:
        """An object for a given symbol, a list without one."""
        shown = [view(feed) for feed in self.feeds()]
        return shown[0] if self.params.text("symbol") else shown


@dataclass(frozen=True, slots=True)
class Route:
    """A handler with its security, its weight, and whether it counts as an order.

    ``weigh`` gives the weight from the parameters where it depends on them.
    """

    handler: Callable[[Call], Any]
    security: str = PUBLIC
    weight: int = 1
    order: bool = False
    weigh: Callable[[Mapping[str, str]], int] | None = None

    def cost(self, values: Mapping[str, str]) -> int:
        """The weight of a call with these parameters."""
        return self.weigh(values) if self.weigh else self.weight


def by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Mapping[str, str]], int]:
    """Weight by page size: ``steps`` are (up to this limit, weight), the last one holds above."""

    def weigh(values: Mapping[str, str]) -> int:
        text = values.get("limit", "")
        limit = int(text) if text.isdigit() else default
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def by_symbol(one: int, every: int) -> Callable[[Mapping[str, str]], int]:
    """Weight of a call for one symbol, and for all of them."""
    return lambda values: one if values.get("symbol") else every
