"""What an API key may do: trade, and nothing that moves money away."""

from __future__ import annotations

from executor.model import KeyPermissions
from trading.candles import DAY_MS

EXPIRY_WARNING_DAYS = 14


def key_problem(allowed: KeyPermissions) -> str:
    """Why the key is refused; empty when it may be used."""
    if allowed.withdraw:
        return "the API key can withdraw; make one that can only trade"
    if allowed.transfer:
        return "the API key can transfer money away; make one that can only trade"
    if not allowed.trade:
        return "the API key cannot trade here; allow it for the API key at the exchange"
    return ""


def key_warnings(allowed: KeyPermissions, now_ms: int) -> list[str]:
    """What to improve about a key that may be used."""
    warnings = []
    if not allowed.ip_restricted:
        warnings.append("the API key works from every address; restrict it to this machine's")
    if allowed.expires_at is not None:
        days = (allowed.expires_at - now_ms) / DAY_MS
        if days < EXPIRY_WARNING_DAYS:
            warnings.append(f"the API key expires in {max(0.0, days):.0f} days")
    return warnings
