"""Request parameters as typed values; each mistake has its documented error code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import PREVENTIONS
from sandbox.protocol.time_unit import milliseconds
from trading.market.symbols import is_symbol

CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}\Z")
INTEGER = re.compile(r"^[0-9]{1,20}\Z")
AMOUNT = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?\Z")
SYMBOL = re.compile(r"^[A-Z0-9-_.]{1,20}\Z")


def whole(text: str) -> int | None:
    """Read a whole number of at most 20 ASCII digits; None for any other text.

    ``str.isdigit`` takes digits that ``int`` refuses, and any number of them.
    """
    return int(text) if INTEGER.match(text) else None


class Params:
    """Merged query and body parameters of one request.

    With ``microseconds`` the times of a span may be in microseconds, too.
    """

    def __init__(self, values: Mapping[str, str], *, microseconds: bool = False) -> None:
        self._values = values
        self._microseconds = microseconds

    def renamed(self, names: Mapping[str, str], **more: str) -> Params:
        """Return the same parameters under other names, with ``more`` added."""
        values = {names.get(name, name): v for name, v in self._values.items()} | more
        return Params(values, microseconds=self._microseconds)

    def text(self, name: str) -> str | None:
        """Return the value, None when it is absent or empty."""
        return self._values.get(name) or None

    def require_known(self, known: frozenset[str]) -> None:
        """Refuse any other parameter (−1104)."""
        unread = set(self._values) - known
        if unread:
            total = len(self._values)
            raise error_codes.TOO_MANY_PARAMETERS(total - len(unread), total)

    def need(self, name: str) -> str:
        """Return the value; refuse its absence (−1102)."""
        value = self._values.get(name)
        if not value:
            raise error_codes.MISSING(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number, None when it is absent; refuse anything else (−1100)."""
        value = self.text(name)
        if value is None:
            return None
        if not INTEGER.match(value):
            raise error_codes.ILLEGAL(name, "^[0-9]{1,20}$")
        return int(value)

    def span(self) -> tuple[int | None, int | None]:
        """Return ``startTime`` and ``endTime`` (ms); refuse an end before the start (−1023)."""
        start, end = self.integer("startTime"), self.integer("endTime")
        if self._microseconds:
            start, end = (None if t is None else milliseconds(t) for t in (start, end))
        if start is not None and end is not None and start > end:
            raise error_codes.BACKWARDS()
        return start, end

    def limit(self, default: int, maximum: int) -> int:
        """Return the page size, at most ``maximum``; refuse one below 1 (−1130)."""
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise error_codes.BAD_VALUE("limit")
        return min(value, maximum)

    def amount(self, name: str) -> Decimal:
        """Return a decimal, 0 when it is absent; refuse anything but a plain number (−1100)."""
        value = self._values.get(name)
        if not value:
            return ZERO
        if not AMOUNT.match(value):
            raise error_codes.ILLEGAL(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
        return Decimal(value)

    def flag(self, name: str) -> bool:
        """Return a true/false parameter, false when it is absent; refuse anything else (−1130)."""
        value = self._values.get(name)
        if not value:
            return False
        if value.lower() not in ("true", "false"):
            raise error_codes.BAD_VALUE(name)
        return value.lower() == "true"

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of ``allowed``; refuse anything else (−1130)."""
        value = self._values.get(name) or default
        if value not in allowed:
            raise error_codes.BAD_VALUE(name)
        return value

    def symbol(self) -> str:
        """Return the symbol; refuse its absence (−1102) and what cannot be one (−1100)."""
        value = self.need("symbol")
        if not SYMBOL.match(value) and not is_symbol(value):
            raise error_codes.ILLEGAL("symbol", "^[A-Z0-9-_.]{1,20}$")
        return value

    def side(self) -> str:
        """Return the side; refuse its absence (−1102) and anything but BUY and SELL (−1117)."""
        value = self.need("side")
        if value not in ("BUY", "SELL"):
            raise error_codes.BAD_SIDE()
        return value

    def prevention(self) -> str:
        """Return the self-trade prevention: what ends when the account would trade with itself."""
        return self.choice("selfTradePreventionMode", PREVENTIONS[0], PREVENTIONS)
