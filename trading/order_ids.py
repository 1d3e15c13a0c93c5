"""Client order ids that can be computed again after a crash.

``n1-<release:8>-<key:16>-<leg:2>-<n:2>``, 34 characters, lower-case base32 (RFC 4648). The key is
an 80-bit hash of account, strategy, symbol and bar time. An order is unique by ``(key, leg, n)``,
*without* the release: a crash together with a change of release cannot enter the same bar twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from trading.errors import NocturneError

PREFIX = "n1"
LENGTH = 34
ADOPTED_RELEASE = "00000000"
"""Release part of a position found at the exchange that no release opened."""


class OrderLeg(StrEnum):
    """What an order does for its position."""

    ENTRY = "en"
    FIRST_ADDITION = "d1"
    SECOND_ADDITION = "d2"
    STOP = "sl"
    TARGET = "tp"
    EXIT = "px"
    SLICE = "tw"
    QUOTE = "mk"
    EMERGENCY = "em"


LEGS: dict[str, str] = {
    OrderLeg.ENTRY: "entry",
    OrderLeg.FIRST_ADDITION: "first addition (DCA)",
    OrderLeg.SECOND_ADDITION: "second addition (DCA)",
    OrderLeg.STOP: "stop loss",
    OrderLeg.TARGET: "take profit",
    OrderLeg.EXIT: "partial or full exit",
    OrderLeg.SLICE: "slice of an execution schedule",
    OrderLeg.QUOTE: "maker quote",
    OrderLeg.EMERGENCY: "emergency exit",
}

# The "extended hex" alphabet of RFC 4648: small attempts read as decimal numbers and ids sort by
# attempt.
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
MAX_N = len(_DIGITS) * len(_DIGITS) - 1
_RELEASE = re.compile(rf"[a-z2-7]{{8}}|{ADOPTED_RELEASE}")
_PATTERN = re.compile(
    rf"{PREFIX}-(?P<release>{_RELEASE.pattern})-(?P<key>[a-z2-7]{{16}})"
    rf"-(?P<leg>{'|'.join(LEGS)})-(?P<n>[{_DIGITS}]{{2}})"
)


class OrderIdError(NocturneError):
    """A client order id cannot be formed or is not one of ours."""


@dataclass(frozen=True, slots=True)
class OrderId:
    """The parts of a client order id."""

    release: str
    key: str
    leg: OrderLeg
    n: int

    @property
    def unique(self) -> tuple[str, OrderLeg, int]:
        """What may exist once at an exchange, whatever the release."""
        return self.key, self.leg, self.n

    def __str__(self) -> str:
        return format_order_id(self.release, self.key, self.leg, self.n)


def order_key(account: str, strategy: str, symbol: str, bar_time_ms: int) -> str:
    """80-bit hash, 16 characters, of the bar that an order belongs to; ``bar_time_ms`` is UTC."""
    if bar_time_ms < 0:
        raise OrderIdError(f"bar time {bar_time_ms} ms is before 1970; give epoch milliseconds UTC")
    # A JSON list keeps the parts apart: ("a", "bc") and ("ab", "c") must not meet in one hash.
    parts = json.dumps([account, strategy, symbol, bar_time_ms], separators=(",", ":"))
    digest = hashlib.sha256(parts.encode()).digest()[:10]
    return base64.b32encode(digest).decode().lower()


def format_order_id(release: str, key: str, leg: str, n: int) -> str:
    """Join the parts; raises `OrderIdError` for a part that could not be read back."""
    if not _RELEASE.fullmatch(release):
        raise OrderIdError(
            f"release {release!r} in an order id is not 8 characters of lower-case base32"
        )
    if leg not in LEGS:
        raise OrderIdError(f"leg {leg!r} in an order id is unknown; legs are {', '.join(LEGS)}")
    if not 0 <= n <= MAX_N:
        raise OrderIdError(f"n = {n} in an order id is outside 0 to {MAX_N}")
    high, low = divmod(n, len(_DIGITS))
    text = f"{PREFIX}-{release}-{key}-{leg}-{_DIGITS[high]}{_DIGITS[low]}"
    if not _PATTERN.fullmatch(text):
        raise OrderIdError(f"key {key!r} in an order id is not 16 characters of lower-case base32")
    return text


def order_id(
    release: str, account: str, strategy: str, symbol: str, bar_time_ms: int, leg: str, n: int
) -> str:
    """Return the id of attempt, slice or stop version ``n`` of a leg of one bar's position."""
    return format_order_id(release, order_key(account, strategy, symbol, bar_time_ms), leg, n)


def parse_order_id(text: str) -> OrderId:
    """Parts of one of our ids; raises `OrderIdError` for anything else."""
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise OrderIdError(
            f"{text!r} is not a client order id of Nocturne"
            f" ({PREFIX}-<release:8>-<key:16>-<leg:2>-<n:2>)"
        )
    digits = found["n"]
    n = _DIGITS.index(digits[0]) * len(_DIGITS) + _DIGITS.index(digits[1])
    return OrderId(found["release"], found["key"], OrderLeg(found["leg"]), n)


def is_ours(text: str) -> bool:
    """Whether an id seen at the exchange was formed here."""
    return _PATTERN.fullmatch(text) is not None
