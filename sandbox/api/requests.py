"""A request on its way to a handler, by REST or WebSocket, on either venue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote_plus

from sandbox.audit.ledger import ExchangeLedger
from sandbox.faults.injection import Faults
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.params import whole
from sandbox.protocol.rate_limits import RateLimits
from sandbox.protocol.signing import payload_of

# The most parameters of a request; a longer one is refused before it is parsed.
MAX_PAIRS = 1_000
PUBLIC, KEY, SIGNED = "public", "key", "signed"
# Parameters that any request may carry.
COMMON = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})
# Parameters that may be sent several times.
REPEATED = frozenset({"asset"})


@dataclass(frozen=True, slots=True)
class Route:
    """A handler with its security, its weight, and whether it counts as an order.

    ``weigh`` computes the weight where it depends on the parameters; ``known`` lists the parameters
    that the request may have (None: not checked).
    """

    handler: Callable[[Any], Any]
    security: str = PUBLIC
    weight: int = 1
    order: bool = False
    weigh: Callable[[Mapping[str, str]], int] | None = None
    known: frozenset[str] | None = None

    def cost(self, values: Mapping[str, str]) -> int:
        """Return the weight of a request with these parameters."""
        return self.weigh(values) if self.weigh else self.weight


def names(text: str) -> frozenset[str]:
    """Split the names of parameters at spaces."""
    return frozenset(text.split())


def by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Mapping[str, str]], int]:
    """Weigh by page size: ``steps`` are (up to this limit, weight); the last one holds above."""

    def weigh(values: Mapping[str, str]) -> int:
        text = values.get("limit", "")
        limit = whole(text)
        limit = default if limit is None else limit
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weigh


def by_symbol(one: int, every: int) -> Callable[[Mapping[str, str]], int]:
    """Weigh a request for one symbol and one for all symbols."""
    return lambda values: one if values.get("symbol") else every


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as limits, signatures and handlers need it; ``payload`` is the signed text.

    ``session`` is the account of a logged-on WebSocket session; ``repeated`` has all values of
    each parameter that was sent more than once.
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
    fields: Mapping[str, str] = field(default_factory=dict)


class TooManyPairsError(Exception):
    """A request with more than ``MAX_PAIRS`` parameters."""


def rest_request(
    method: str, target: str, fields: Mapping[str, str], body: bytes, address: str
) -> ApiRequest:
    """Read a REST request: query and body parameters are merged, whatever the method.

    A parameter that is in both has the value of the query. ``fields`` are the header fields by
    their names in lower case. The cost is linear in the request's size; ``TooManyPairsError`` is
    raised before more than ``MAX_PAIRS`` are parsed.
    """
    path, _, query = target.partition("?")
    text = body.decode(errors="replace")
    values: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    pairs = (f"{query}&{text}" if text else query).split("&", MAX_PAIRS)
    if len(pairs) > MAX_PAIRS:
        raise TooManyPairsError
    first = query.count("&") + 1
    asked: frozenset[str] = frozenset()
    for place, pair in enumerate(pairs):
        if place == first:
            asked = frozenset(values)
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in asked:
            continue
        if name in values:
            repeated.setdefault(name, [values[name]]).append(value)
        values[name] = value
    return ApiRequest(
        method,
        path,
        values,
        payload_of(query, text),
        fields.get("x-mbx-apikey", ""),
        address,
        fields=fields,
        repeated={name: tuple(found) for name, found in repeated.items()},
        body=text,
    )


class ServedVenue(Protocol):
    """What the gateway and the WebSocket API need from an exchange."""

    ledger: ExchangeLedger
    limits: RateLimits
    faults: Faults
    credentials: dict[str, Credentials]
    requests: int
    strict: bool
    microseconds: bool

    @property
    def now(self) -> int:
        """Market time (ms)."""

    async def publish(self) -> None:
        """Record the engine's new events and send them to their users."""

    def call(self, request: ApiRequest, account: str) -> Any:
        """Return what a handler of this venue works on; ``account`` is empty without a key."""
