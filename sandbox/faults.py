"""Faults on request: what a real exchange does on its bad days, one by one and counted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.errors import THROTTLED, TOO_MANY_REQUESTS, ExchangeError
from sandbox.limits import with_retry
from trading.errors import SettingsError

# Before the request is handled: it is not accepted.
REFUSING = ("drop_request", "rate_limit", "unavailable_503", "throttled", "reject")
# After it was handled: it is accepted, but the client does not learn it.
SILENCING = ("drop_response", "unknown_503", "timeout_1007")
DELAYING = ("delay_response",)
STREAMS = ("mute_market", "mute_user", "disconnect_market", "disconnect_user", "expire_listen_key")
KINDS = (*REFUSING, *SILENCING, *DELAYING, *STREAMS)
UNKNOWN_TEXT = "Unknown error, please check your request or try again later."
UNAVAILABLE_TEXT = "Service Unavailable."


@dataclass
class Fault:
    """A fault that strikes the next ``count`` requests whose method and path match."""

    kind: str
    count: int = 1
    method: str = ""
    path: str = ""
    code: int = -2021
    message: str = "Order would immediately trigger."
    seconds: float = 1.0

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is struck."""
        return self.count > 0 and self.method in ("", method) and bool(re.search(self.path, path))


class Faults:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.struck = 0

    def add(self, values: dict[str, object]) -> Fault:
        """A fault from its JSON; ``SettingsError`` when it is not one."""
        kind = values.get("kind")
        if kind not in KINDS:
            raise SettingsError(f"fault {kind!r} is unknown; there are {', '.join(KINDS)}")
        unknown = set(values) - set(Fault.__dataclass_fields__)
        if unknown:
            raise SettingsError(f"fault {kind}: {sorted(unknown)[0]!r} is not one of its settings")
        try:
            fault = Fault(
                kind=str(kind),
                count=int(str(values.get("count", 1))),
                method=str(values.get("method", "")).upper(),
                path=re.compile(str(values.get("path", ""))).pattern,
                code=int(str(values.get("code", Fault.code))),
                message=str(values.get("message", Fault.message)),
                seconds=float(str(values.get("seconds", Fault.seconds))),
            )
        except (ValueError, re.error) as error:
            raise SettingsError(f"fault {kind}: {error}") from error
        if fault.kind not in STREAMS:
            self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Forget what has not struck."""
        self.waiting.clear()

    def take(self, kinds: tuple[str, ...], method: str, path: str) -> Fault | None:
        """The first fault of ``kinds`` that strikes this request, counted down."""
        for fault in self.waiting:
            if fault.kind in kinds and fault.matches(method, path):
                fault.count -= 1
                self.struck += 1
                if fault.count == 0:
                    self.waiting.remove(fault)
                return fault
        return None


def refusal_of(fault: Fault, address: str) -> ExchangeError:
    """The answer to a request that a fault refuses."""
    if fault.kind == "rate_limit":
        return with_retry(TOO_MANY_REQUESTS(address, 2400), int(fault.seconds * 1000))
    if fault.kind == "unavailable_503":
        return ExchangeError(0, UNAVAILABLE_TEXT, 503)
    if fault.kind == "throttled":
        return THROTTLED()
    return ExchangeError(fault.code, fault.message)
