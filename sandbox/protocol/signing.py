"""Signatures and time windows of signed requests."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from sandbox.engines.common import error_codes

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


def check_time(params: Mapping[str, str], wall_ms: int) -> None:
    """Refuse a timestamp outside ``recvWindow`` or more than a second ahead (−1021)."""
    stamp = params.get("timestamp", "")
    if not stamp.lstrip("-").isdigit():
        raise error_codes.MISSING("timestamp")
    window_text = params.get("recvWindow", str(DEFAULT_RECV_WINDOW))
    if not window_text.isdigit():
        raise error_codes.BAD_VALUE("recvWindow")
    window, time = int(window_text), int(stamp)
    if window > MAX_RECV_WINDOW:
        raise error_codes.BAD_RECV_WINDOW()
    if time >= wall_ms + 1000:
        raise error_codes.AHEAD_OF_SERVER()
    if wall_ms - time > window:
        raise error_codes.OUTSIDE_WINDOW()
