"""Binance's error answers as faults, by numeric code, HTTP status and text.

The class that a client library gives an error depends on the URL; it is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from executor.venues.faults import (
    Banned,
    ClockDrift,
    CloseOrderExists,
    DuplicateOrder,
    InsufficientMargin,
    InvalidKey,
    NothingToChange,
    NothingToReduce,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Temporary,
    UnknownOrder,
    VenueFaultError,
    WouldTrigger,
)

DEFAULT_WAIT_S = 60.0
DEFAULT_BAN_S = 120.0

TOO_MANY_REQUESTS = -1003
TOO_MANY_ORDERS = -1015
_UNKNOWN_CODES = frozenset({-1006, -1007})
_TEMPORARY: dict[int, type[Temporary]] = {
    -1001: Temporary,
    -1008: Temporary,
    TOO_MANY_ORDERS: Temporary,
    -1016: Temporary,
    -1021: ClockDrift,
}
_REJECTED: dict[int, type[Rejected]] = {
    -1022: InvalidKey,
    -2011: UnknownOrder,
    -2013: UnknownOrder,
    -2014: InvalidKey,
    -2015: InvalidKey,
    -2019: InsufficientMargin,
    -2021: WouldTrigger,
    -2022: NothingToReduce,
    -4046: NothingToChange,
    -4059: NothingToChange,
    -4115: DuplicateOrder,
    -4116: DuplicateOrder,
    -4118: NothingToReduce,
    -4130: CloseOrderExists,
    -4142: WouldTrigger,
}
ENGINE_REFUSAL = -2010
_REFUSAL_TEXTS: tuple[tuple[str, type[Rejected]], ...] = (
    ("duplicate order", DuplicateOrder),
    ("insufficient balance", InsufficientMargin),
    ("trigger immediately", WouldTrigger),
    # The market has passed one of the two prices of a pair.
    ("relationship of the prices", WouldTrigger),
)
"""Texts of the one code that spot's matching engine has for all refusals."""
_DEFINITE_503 = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
)


def classify(status: int, headers: Mapping[str, str], body: str) -> VenueFaultError:
    """The fault that an error answer means.

    Args:
        status: HTTP status; 200 with an error object in the body is possible.
        headers: answer headers, names in any case.
        body: answer text.
    """
    code, message = _code_and_message(body)
    shown = f"HTTP {status}, code {code}: {message}"
    if status == 418:
        return Banned(shown, _retry_after(headers, DEFAULT_BAN_S))
    if code == TOO_MANY_ORDERS:
        # The order count, not the weight: other requests may go on, closes after a second.
        return Temporary(shown)
    if status == 429 or code == TOO_MANY_REQUESTS:
        return RateLimited(shown, _retry_after(headers, DEFAULT_WAIT_S))
    if code in _UNKNOWN_CODES or status == 408:
        return OutcomeUnknown(shown)
    if code in _TEMPORARY:
        return _TEMPORARY[code](shown)
    if status >= 500:
        definite = status == 503 and message in _DEFINITE_503
        return Temporary(shown) if definite else OutcomeUnknown(shown)
    return _client_error(shown, status, code)


def _client_error(shown: str, status: int, code: int | None) -> VenueFaultError:
    if code in _REJECTED:
        return _REJECTED[code](shown)
    if code == ENGINE_REFUSAL:
        said = shown.lower()
        kinds = (kind for text, kind in _REFUSAL_TEXTS if text in said)
        return next(kinds, Rejected)(shown)
    if status == 403:
        return Temporary(shown)
    # A proxy's page or half an answer proves nothing about the order.
    return OutcomeUnknown(shown) if code is None else Rejected(shown)


def _code_and_message(body: str) -> tuple[int | None, str]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, body.strip()[:200]
    if not isinstance(parsed, dict):
        return None, body[:200]
    code = parsed.get("code")
    return (code if isinstance(code, int) else None), str(parsed.get("msg", ""))[:200]


def _retry_after(headers: Mapping[str, str], default: float) -> float:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                return default
    return default
