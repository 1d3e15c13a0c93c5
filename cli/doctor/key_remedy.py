"""What helps where an exchange does not take a key: not each refusal is the key's fault."""

from __future__ import annotations

from executor.venues.faults import ClockDrift, OutcomeUnknown, RateLimited, Temporary

NEW_KEY = "make a key at the exchange that can only trade, bound to this address"


def key_remedy(fault: Exception) -> str:
    """Return what to do about the answer to a signed request."""
    match fault:
        case ClockDrift():
            return "turn on time synchronization: `timedatectl set-ntp true`"
        case RateLimited():
            return f"send nothing for {fault.retry_after_s:.0f} s, then repeat"
        case Temporary():
            return "the exchange is busy: repeat in a minute"
        case OutcomeUnknown():
            return "look at the network and the URL, then repeat"
        case _:
            return NEW_KEY
