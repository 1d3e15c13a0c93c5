"""Signatures and time windows of signed requests."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from decimal import Decimal

from sandbox.engines.common import error_codes
from sandbox.protocol.params import INTEGER, whole
from sandbox.protocol.time_unit import milliseconds

DECIMAL_WINDOW = re.compile(r"^[0-9]{1,20}(\.[0-9]{1,3})?\Z")
MAX_RECV_WINDOW = 60_000
DEFAULT_RECV_WINDOW = 5_000


def payload_of(query: str, body: str) -> str:
    """Return what a client signed: raw query and body without their ``signature`` pair."""
    return _without_signature(query) + _without_signature(body)


def _without_signature(raw: str) -> str:
    return "&".join([pair for pair in raw.split("&") if not pair.startswith("signature=")])


def sign(secret: str, payload: str) -> str:
    """Return the HMAC-SHA256 of ``payload``, hexadecimal."""
    return hmac.digest(secret.encode(), payload.encode(), "sha256").hex()


def check_time(params: Mapping[str, str], wall_ms: int, *, microseconds: bool = False) -> None:
    """Refuse a timestamp outside ``recvWindow`` or more than a second ahead (−1021).

    With ``microseconds`` the timestamp may be one, and the window may have three decimals.
    """
    stamp = params.get("timestamp", "")
    time = whole(stamp.removeprefix("-"))
    if time is None:
        raise error_codes.MISSING("timestamp")
    time = -time if stamp.startswith("-") else milliseconds(time) if microseconds else time
    text = params.get("recvWindow", str(DEFAULT_RECV_WINDOW))
    if not (DECIMAL_WINDOW if microseconds else INTEGER).match(text):
        raise error_codes.BAD_VALUE("recvWindow")
    window = Decimal(text)
    if window > MAX_RECV_WINDOW:
        raise error_codes.BAD_RECV_WINDOW()
    if time >= wall_ms + 1000:
        raise error_codes.AHEAD_OF_SERVER()
    if wall_ms - time > window:
        raise error_codes.OUTSIDE_WINDOW()
