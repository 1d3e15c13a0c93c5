"""Fault injection: the faults of a real exchange, one by one, counted and seeded."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson

from sandbox.engines.common.error_codes import BANNED, THROTTLED, TOO_MANY_REQUESTS, ExchangeError
from sandbox.market.clock import wall_ms
from sandbox.protocol.rate_limits import with_retry
from sandbox.protocol.responses import Response
from trading.candles import MINUTE_MS
from trading.errors import SettingsError

# Before the request is handled: it is refused.
REFUSING = (
    "drop_request", "rate_limit", "ban", "unavailable_503", "internal_503", "throttled", "reject",
    "lost_503",
)  # fmt: skip
# After the request was handled: it is accepted, but the client does not learn so.
SILENCING = (
    "drop_response", "unknown_503", "timeout_1007", "timeout_1006", "garble_response",
    "trickle_response",
)  # fmt: skip
CUTTING = ("drop_request", "drop_response")
HOLDING = ("hold_request",)
DELAYING = ("delay_response",)
# A response or a message with another ``value`` in one ``field``.
ALTERING = ("alter_response",)
REPEATING = ("repeat_request",)
MESSAGES_MARKET = (
    "drop_market", "delay_market", "duplicate_market", "reorder_market", "alter_market",
    "freeze_market",
)  # fmt: skip
MESSAGES_USER = ("drop_user", "delay_user", "duplicate_user", "reorder_user", "alter_user")
STREAMS = (
    "mute_market", "mute_user", "half_open_market", "half_open_user", "disconnect_market",
    "disconnect_user", "expire_listen_key", "server_shutdown", "terminate_user",
)  # fmt: skip
WAITING = (
    *REFUSING, *SILENCING, *HOLDING, *DELAYING, *ALTERING, *REPEATING, *MESSAGES_MARKET,
    *MESSAGES_USER,
)  # fmt: skip
# Incidents: they hit the exchange or the account itself, at once.
EVENTS = (
    "skew", "drift", "rate_limit_window", "maintenance", "checkpoint", "restart", "kill_child",
    "set_filter", "set_status", "liquidate", "adl", "foreign_order", "foreign_cancel",
    "foreign_leverage", "foreign_margin", "foreign_mode", "price_jump", "funding",
)  # fmt: skip
KINDS = (*WAITING, *STREAMS, *EVENTS)
# The largest number of a setting: beyond every count, span and time (ms).
MOST = 10**15
UNKNOWN_TEXT = "Unknown error, please check your request or try again later."
UNAVAILABLE_TEXT = "Service Unavailable."
INTERNAL_TEXT = "Internal error; unable to process your request. Please try again."
TIMEOUTS = {
    "timeout_1007": (
        -1007,
        "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown.",
    ),
    "timeout_1006": (
        -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
}


@dataclass
class Fault:
    """A fault that hits ``count`` requests or messages whose method, path and client id match.

    With ``probability`` it hits only some of them. ``at`` (market time, ms) delays it until then.
    The other fields are settings of single kinds.
    """

    kind: str
    count: int = 1
    method: str = ""
    path: str = ""
    client_id: str = ""
    probability: float = 1.0
    at: int = 0
    venue: str = ""
    account: str = ""
    code: int = -2021
    message: str = "Order would immediately trigger."
    seconds: float = 1.0
    symbol: str = ""
    side: str = "BUY"
    quantity: str = ""
    price: str = ""
    tick: str = ""
    step: str = ""
    status: str = ""
    leverage: int = 0
    rollback: bool = False
    position_side: str = ""
    field: str = ""
    value: str = ""

    def matches(self, method: str, path: str, client_id: str = "") -> bool:
        """Whether the fault applies to a request or message."""
        if self.count <= 0 or self.method not in ("", method):
            return False
        return bool(re.search(self.path, path) and re.search(self.client_id, client_id))


def parse_fault(values: Mapping[str, Any]) -> Fault:
    """Read a fault from its JSON; ``SettingsError`` when it is not one."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise SettingsError(f"fault {kind!r} is unknown; there are {', '.join(KINDS)}")
    types: dict[str, Any] = {
        item.name: type(item.default) for item in fields(Fault) if item.name != "kind"
    }
    unknown = set(values) - set(types) - {"kind"}
    if unknown:
        raise SettingsError(f"fault {kind}: {sorted(unknown)[0]!r} is not one of its settings")
    try:
        given = {name: types[name](value) for name, value in values.items() if name != "kind"}
        fault = Fault(str(kind), **given)
        re.compile(fault.path)
        re.compile(fault.client_id)
    except (ValueError, TypeError, OverflowError, re.error) as error:
        raise SettingsError(f"fault {kind}: {error}") from error
    for name, value in given.items():
        if isinstance(value, int | float) and not abs(value) <= MOST:
            raise SettingsError(f"fault {kind}: {name} is beyond {MOST:,}")
    fault.method = fault.method.upper()
    if fault.kind.startswith("alter_") and not fault.field:
        raise SettingsError(f"fault {kind}: name the field, such as field=o.X")
    if not 0 < fault.probability <= 1:
        raise SettingsError(f"fault {kind}: probability {fault.probability:g} is not in (0, 1]")
    return fault


class Faults:
    """The waiting faults and the exchange's clock error; ``seed`` decides probabilities."""

    def __init__(self, seed: int = 1) -> None:
        self.waiting: list[Fault] = []
        self.injected = 0
        self.shapes_messages = False
        self._random = random.Random(f"faults:{seed}")
        self._skew_ms = 0.0
        self._drift = 0.0
        self._drift_since = 0
        self.maintenance_until = 0
        self.outage_until = 0

    def reseed(self, seed: int) -> None:
        """Use another seed for probabilities."""
        self._random = random.Random(f"faults:{seed}")

    def add(self, values: Mapping[str, Any]) -> Fault:
        """Add a fault from its JSON; an incident without a time is returned but not kept."""
        fault = parse_fault(values)
        if fault.kind in WAITING or fault.at:
            self.waiting.append(fault)
            self._note()
        return fault

    def _note(self) -> None:
        kinds = (*MESSAGES_MARKET, *MESSAGES_USER)
        self.shapes_messages = any(f.kind in kinds and not f.at for f in self.waiting)

    def clear(self) -> None:
        """Forget the waiting faults and correct the clock."""
        self.waiting.clear()
        self.shapes_messages = False
        self._skew_ms = self._drift = 0.0
        self.maintenance_until = self.outage_until = 0

    def due(self, market_ms: int) -> list[Fault]:
        """Activate the faults whose time has come; remove and return the incidents among them."""
        ripe = [fault for fault in self.waiting if fault.at and fault.at <= market_ms]
        for fault in ripe:
            fault.at = 0
        now = [fault for fault in ripe if fault.kind not in WAITING]
        for fault in now:
            self.waiting.remove(fault)
        if ripe:
            self._note()
        return now

    def take(
        self,
        kinds: tuple[str, ...],
        method: str,
        path: str,
        client_id: str = "",
        *,
        sheltered: bool = False,
    ) -> Fault | None:
        """Take the first fault of ``kinds`` that hits this request and count it down.

        A ``sheltered`` request (cancel, reduce-only, close-position) is exempt from throttling.
        """
        for fault in self.waiting:
            if fault.kind not in kinds or fault.at or not fault.matches(method, path, client_id):
                continue
            if sheltered and fault.kind == "throttled":
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            fault.count -= 1
            self.injected += 1
            if fault.count == 0:
                self.waiting.remove(fault)
                self._note()
            return fault
        return None

    def set_skew(self, seconds: float) -> None:
        """Set the exchange's clock ``seconds`` ahead of the wall (behind when negative)."""
        self._skew_ms = seconds * 1000

    def set_drift(self, seconds_per_minute: float) -> None:
        """Make the exchange's clock gain this much each minute from now on."""
        self._drift, self._drift_since = seconds_per_minute * 1000 / MINUTE_MS, wall_ms()

    @property
    def silent(self) -> bool:
        """Whether the exchange is down: connections break without a response."""
        return self.outage_until > wall_ms()

    @property
    def closed(self) -> bool:
        """Whether the exchange is in maintenance: every call is refused with 503."""
        return self.maintenance_until > wall_ms()

    def exchange_ms(self) -> int:
        """Return the time of the exchange's clock: wall time plus injected skew and drift."""
        now = wall_ms()
        if self._drift:
            return now + round(self._skew_ms + self._drift * (now - self._drift_since))
        return now + round(self._skew_ms)


def altered(raw: bytes, fault: Fault) -> bytes:
    """Set the fault's field (keys and indexes, joined by dots) in JSON, or remove it without value.

    A value that is not JSON is taken as text. A document without the field stays unchanged.
    """
    document = orjson.loads(raw)
    *parents, last = fault.field.split(".")
    try:
        place = document
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place[key]
        if isinstance(place, list):
            place[int(last)] = _value(fault.value)
        elif fault.value:
            place[last] = _value(fault.value)
        else:
            del place[last]
    except (KeyError, IndexError, TypeError, ValueError):
        return raw
    return orjson.dumps(document)


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def refusal_of(fault: Fault, address: str) -> ExchangeError:
    """Return the error of a request that a fault refuses."""
    match fault.kind:
        case "rate_limit":
            return with_retry(TOO_MANY_REQUESTS(address, 2400), int(fault.seconds * 1000))
        case "ban":
            until = int(fault.seconds * 1000)
            return with_retry(BANNED(address, wall_ms() + until), until)
        case "unavailable_503":
            return ExchangeError(0, UNAVAILABLE_TEXT, 503)
        case "internal_503":
            return ExchangeError(-1000, INTERNAL_TEXT, 503)
        case "lost_503":
            return ExchangeError(-1000, UNKNOWN_TEXT, 503)
        case "throttled":
            return THROTTLED()
    return ExchangeError(fault.code, fault.message)


def silence_of(fault: Fault, answer: Response) -> Response:
    """Return the response that a client gets in place of that of its accepted request."""
    if fault.kind in TIMEOUTS:
        code, text = TIMEOUTS[fault.kind]
        return Response(408, {"code": code, "msg": text}, {})
    if fault.kind in ("garble_response", "trickle_response"):
        return answer
    return Response(503, {"code": -1000, "msg": UNKNOWN_TEXT}, {})
