"""One request on its way to a handler, whatever door and venue it came by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote_plus

from sandbox.audit.ledger import ExchangeLedger
from sandbox.faults.injection import Faults
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.rate_limits import RateLimits
from sandbox.protocol.signing import payload_of

PUBLIC, KEY, SIGNED = "public", "key", "signed"
# What any request may carry beside its own parameters.
COMMON = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
# What may be sent several times.
REPEATED = frozenset({"asset"})


@dataclass(frozen=True, slots=True)
class Route:
    """A handler with its security, its weight, and whether it counts as an order.

    ``weigh`` gives the weight from the parameters where it depends on them; ``known`` are the
    parameters it has (None: not checked).
    """

    handler: Callable[[Any], Any]
    security: str = PUBLIC
    weight: int = 1
    order: bool = False
    weigh: Callable[[Mapping[str, str]], int] | None = None
    known: frozenset[str] | None = None

    def cost(self, values: Mapping[str, str]) -> int:
        """The weight of a call with these parameters."""
        return self.weigh(values) if self.weigh else self.weight


def names(text: str) -> frozenset[str]:
    """The parameters of a call, written with spaces between them."""
    return frozenset(text.split())


def by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Mapping[str, str]], int]:
    """Weight by page size: ``steps`` are (up to this limit, weight), the last one holds above."""

    def weigh(values: Mapping[str, str]) -> int:
        text = values.get("limit", "")
        limit = int(text) if text.isdigit() else default
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def by_symbol(one: int, every: int) -> Callable[[Mapping[str, str]], int]:
    """Weight of a call for one symbol, and for all of them."""
    return lambda values: one if values.get("symbol") else every


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What limits, signatures and handlers need; ``payload`` is the text that was signed.

    ``session`` names the account of a WebSocket session that is logged on, ``repeated`` all values
    of what was sent more than once.
    """

    method: str
    path: str
    values: Mapping[str, str]
    payload: str
    key: str
    address: str
    session: str = ""
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: str = ""


def rest_request(
    method: str, target: str, fields: Mapping[str, str], body: bytes, address: str
) -> ApiRequest:
    """A request of the REST door: query and body parameters together, whatever the method.

    ``fields`` are the header fields by their names in lower case.
    """
    path, _, query = target.partition("?")
    text = body.decode(errors="replace")
    values: dict[str, str] = {}
    repeated: dict[str, tuple[str, ...]] = {}
    for pair in (f"{query}&{text}" if text else query).split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in values:
            repeated[name] = (*repeated.get(name, (values[name],)), value)
        values[name] = value
    return ApiRequest(
        method,
        path,
        values,
        payload_of(query, text),
        fields.get("x-mbx-apikey", ""),
        address,
        repeated=repeated,
        body=text,
    )


class ServedVenue(Protocol):
    """What the doors need of an exchange."""

    ledger: ExchangeLedger
    limits: RateLimits
    faults: Faults
    credentials: Mapping[str, Credentials]
    requests: int
    strict: bool

    @property
    def now(self) -> int:
        """Market time (ms)."""

    async def publish(self) -> None:
        """Record the engine's new events and send them to their users."""

    def call(self, request: ApiRequest, account: str) -> Any:
        """What a handler of this venue works on; ``account`` is empty without a key."""
