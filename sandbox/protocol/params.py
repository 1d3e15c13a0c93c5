"""Request parameters as typed values; each mistake has its documented error code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import PREVENTIONS

CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
INTEGER = re.compile(r"^[0-9]{1,20}$")
AMOUNT = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
SYMBOL = re.compile(r"^[A-Z0-9-_.]{1,20}$")


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

    def side(self) -> str:
        """The side of an order; −1102 when it is absent, −1117 for anything but BUY and SELL."""
        value = self.need("side")
        if value not in ("BUY", "SELL"):
            raise error_codes.BAD_SIDE()
        return value

    def prevention(self) -> str:
        """What ends when two orders of the account would trade with each other."""
        return self.choice("selfTradePreventionMode", PREVENTIONS[0], PREVENTIONS)
