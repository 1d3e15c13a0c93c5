"""Signed orders without a client library's general way: what never changes is made once.

ccxt looks at every kind of endpoint and parameter for each request, which takes several times as
long as the signature. The address and the headers of an endpoint are ccxt's own, the body has the
same bytes; a test compares the two.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

ORDER_ENDPOINTS: Mapping[str, tuple[str, str]] = {
    "fapiPrivatePostOrder": ("fapiPrivate", "order"),
    "fapiPrivatePostAlgoOrder": ("fapiPrivate", "algoOrder"),
    "privatePostOrder": ("private", "order"),
}
"""What is signed here, by ccxt's names: an entry or a stop must not wait for its general way."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it goes out."""

    url: str
    headers: dict[str, str]
    body: str


class OrderSigner:
    """Signs what is posted to an endpoint, for keys with a shared secret (HMAC-SHA256).

    Args:
        client: ccxt's client, which knows addresses, time difference and ``recvWindow``.
        secret: the secret of the key.
    """

    def __init__(self, client: Any, secret: str) -> None:
        self._client = client
        self._secret = secret.encode()
        self._known: dict[str, tuple[str, dict[str, str]]] = {}

    def sign(self, endpoint: str, params: Mapping[str, Any]) -> SignedRequest:
        """The request of this moment."""
        known = self._known.get(endpoint) or self._learn(endpoint)
        window = self._client.options["recvWindow"]
        stamped = {"timestamp": self._client.nonce(), **params, "recvWindow": window}
        query = urlencode(stamped, quote_via=quote)
        signature = hmac.digest(self._secret, query.encode(), hashlib.sha256).hex()
        url, headers = known
        return SignedRequest(url, dict(headers), f"{query}&signature={signature}")

    def _learn(self, endpoint: str) -> tuple[str, dict[str, str]]:
        """Take an endpoint's address and headers from ccxt."""
        api, path = ORDER_ENDPOINTS[endpoint]
        # An id of ours: without one ccxt adds its own.
        params = {"newClientOrderId": "id", "clientAlgoId": "id"}
        made = self._client.sign(path, [api], "POST", params)
        known = made["url"], made["headers"]
        self._known[endpoint] = known
        return known


def can_sign(secret: str) -> bool:
    """Whether a secret is shared: a private key (RSA, Ed25519) is left to ccxt."""
    return "PRIVATE KEY" not in secret
