"""What an exchange's answer means, by its numeric code, HTTP status and text.

The class that a client library gives an error depends on the URL it talked to; it is not looked at.

::

    VenueFaultError
    ├── Rejected      definitely not accepted; the order does not exist
    ├── Unknown       the order may or may not exist: never send it again, ask for it
    ├── RateLimited   not accepted; nothing may be sent before `retry_after_s`
    └── Banned        not accepted; the address is banned for `retry_after_s`
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

DEFAULT_WAIT_S = 60.0
DEFAULT_BAN_S = 120.0

WOULD_TRIGGER = frozenset({-2021, -4142})
"""The stop's price is already crossed."""
DUPLICATE = frozenset({-4116, -4115})
"""An order of this client id exists."""
NOT_FOUND = frozenset({-2013, -2011})
NO_CHANGE = frozenset({-4046, -4059})
NOTHING_TO_REDUCE = frozenset({-2022, -4118})
SECOND_CLOSE_ORDER = frozenset({-4130})
"""A close-position order of this kind already rests."""
CLOCK = frozenset({-1021})
KEYS = frozenset({-1022, -2014, -2015})

TOO_MANY_ORDERS = -1015

_UNKNOWN_CODES = frozenset({-1006, -1007})
_TEMPORARY_CODES = frozenset({-1008, -1001, -1015, -1016, -1021})
_DEFINITE_503 = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
)


class VenueFaultError(Exception):
    """An answer that is not a success."""

    def __init__(self, message: str, *, code: int | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Rejected(VenueFaultError):
    """Definitely not accepted; ``temporary`` ones may be sent again with the same id."""

    temporary = False


class Temporary(Rejected):
    """Not accepted because of the moment, not because of the order."""

    temporary = True


class Unknown(VenueFaultError):
    """It cannot be told whether the request was executed."""


class RateLimited(VenueFaultError):
    """Not accepted; wait before anything else is sent."""

    def __init__(self, message: str, retry_after_s: float, *, code: int | None = None) -> None:
        super().__init__(message, code=code, status=429)
        self.retry_after_s = retry_after_s


class Banned(RateLimited):
    """Not accepted; the address is banned."""


def classify(status: int, headers: Mapping[str, str], body: str) -> VenueFaultError:
    """The fault that an answer with an error means.

    Args:
        status: HTTP status; 200 with an error object in the body is possible.
        headers: answer headers, names in any case.
        body: answer text.
    """
    code, message = _code_and_message(body)
    shown = f"HTTP {status}, code {code}: {message}"
    if status == 418:
        return Banned(shown, _retry_after(headers, DEFAULT_BAN_S), code=code)
    if code == TOO_MANY_ORDERS:
        # The order count, not the weight: everything else may go on, closes after a second.
        return Temporary(shown, code=code, status=status)
    if status == 429 or code == -1003:
        return RateLimited(shown, _retry_after(headers, DEFAULT_WAIT_S), code=code)
    if code in _UNKNOWN_CODES or status == 408:
        return Unknown(shown, code=code, status=status)
    if code in _TEMPORARY_CODES or status == 403:
        return Temporary(shown, code=code, status=status)
    if status >= 500:
        return _server_error(shown, code, status, message)
    if code is None:
        # A proxy's page or half an answer proves nothing about the order.
        return Unknown(shown, status=status)
    return Rejected(shown, code=code, status=status)


def _server_error(shown: str, code: int | None, status: int, message: str) -> VenueFaultError:
    if status == 503 and message in _DEFINITE_503:
        return Temporary(shown, code=code, status=status)
    return Unknown(shown, code=code, status=status)


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
