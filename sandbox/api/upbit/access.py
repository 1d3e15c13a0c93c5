"""Who may make an Upbit request: JSON web tokens, nonces, rate groups."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import orjson

from sandbox.engines.upbit.engine import UpbitError
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.rate_limits import RateWindow

DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
KEPT_NONCES = 20_000
SECOND = 1_000
# Requests a second of each group, by address (quotation) or by account (exchange).
GROUPS = {
    "market": 10,
    "candle": 10,
    "crix-trades": 10,
    "ticker": 10,
    "orderbook": 10,
    "default": 30,
    "order": 8,
    "order-test": 8,
    "order-cancel-all": 1,
}


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@dataclass(slots=True)
class Tokens:
    """The check of `Authorization: Bearer`; a nonce counts once."""

    credentials: Mapping[str, Credentials]
    _nonces: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def account_of(self, header: str, queries: Iterable[str], *, once: bool = True) -> str:
        """Return the account of a token that signed one of ``queries``; raise if there is none."""
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or token.count(".") != 2:
            raise UpbitError("jwt_verification", "Authorization: Bearer TOKEN is missing.", 401)
        signed, _, signature = token.rpartition(".")
        try:
            head, payload = (orjson.loads(_decoded(part)) for part in signed.split("."))
            digest = DIGESTS[head["alg"]]
            key, nonce = str(payload["access_key"]), str(payload["nonce"])
            given = _decoded(signature)
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise UpbitError("jwt_verification", "The token cannot be read.", 401) from error
        found = self.credentials.get(key)
        if found is None:
            raise UpbitError("invalid_access_key", "The access key is unknown.", 401)
        if not hmac.compare_digest(
            hmac.digest(found.secret.encode(), signed.encode(), digest), given
        ):
            raise UpbitError("jwt_verification", "The signature of the token is wrong.", 401)
        self._check_query(payload, list(queries))
        if once:
            if nonce in self._nonces:
                raise UpbitError("nonce_used", "The nonce was used before.", 401)
            self._nonces[nonce] = None
            if len(self._nonces) > KEPT_NONCES:
                self._nonces.popitem(last=False)
        return found.account

    def _check_query(self, payload: Mapping[str, object], queries: list[str]) -> None:
        """Check that the token covers the parameters, if there are any."""
        if not any(queries):
            return
        name = str(payload.get("query_hash_alg", "SHA512")).lower()
        if name not in ("sha512", "sha256", "sha384"):
            raise UpbitError("invalid_query_payload", "The query_hash_alg is unknown.", 401)
        texts = {text for query in queries for text in (query, unquote(query))}
        hashes = {hashlib.new(name, text.encode()).hexdigest() for text in texts}
        if payload.get("query_hash") not in hashes:
            raise UpbitError("invalid_query_payload", "The query_hash does not fit.", 401)


class RateGroups:
    """Requests a second by group, with the header that tells what remains."""

    def __init__(self, *, counting: bool = True) -> None:
        self._counting = counting
        self._windows: dict[tuple[str, str], RateWindow] = {}

    def charge(self, group: str, who: str, now_ms: int) -> dict[str, str]:
        """Count a request and return its header; 429 when nothing remains."""
        most = GROUPS[group]
        size = 2 * SECOND if group == "order-cancel-all" else SECOND
        window = self._windows.setdefault((group, who), RateWindow(size))
        used = window.add(1, now_ms)
        if used > most and self._counting:
            raise UpbitError("too_many_requests", "Too many API requests.", 429)
        return {"Remaining-Req": f"group={group}; min={most * 60}; sec={max(0, most - used)}"}
