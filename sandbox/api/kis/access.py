"""Who may make a KIS request: tokens, hash keys, approval keys, requests a second.

Tokens and approval keys are signed with the account's secret, so they outlive a restart.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from sandbox.api.kis.times import KST
from sandbox.engines.kis.rejections import KisError
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.rate_limits import RateWindow
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

SECOND = 1_000
# Virtual trading allows two requests a second of an app key.
REQUESTS_A_SECOND = 2
SAME_TOKEN_MS = 6 * HOUR_MS
PRODUCT = "01"
FIRST_NUMBER = 50_000_001


class AuthError(KisError):
    """A refusal of `/oauth2`, whose body has another form."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, 403)

    def body(self) -> dict[str, object]:  # type: ignore[override]
        """Return the JSON body of the response."""
        return {"error_description": self.message, "error_code": self.msg_cd}


@dataclass(slots=True)
class Access:
    """Tokens and limits of all accounts; ``numbers`` are their CANO by name."""

    credentials: Mapping[str, Credentials]
    counting: bool = True
    _issued: dict[str, int] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)
    _windows: dict[str, RateWindow] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Number the accounts (CANO): 50000001 and on; keys that come and go change no number."""
        names = dict.fromkeys(c.account for c in self.credentials.values())
        self.numbers = {name: str(FIRST_NUMBER + place) for place, name in enumerate(names)}

    def of_app(self, key: str, secret: str) -> Credentials:
        """Return the credentials of an app; refuse a wrong key or secret."""
        found = self.credentials.get(key)
        if found is None:
            raise AuthError("EGW00103", "유효하지 않은 AppKey입니다.")
        if not hmac.compare_digest(found.secret.encode(), secret.encode()):
            raise AuthError("EGW00105", "유효하지 않은 AppSecret입니다.")
        return found

    def issue(self, app: Credentials, now_ms: int) -> dict[str, Any]:
        """Issue a token for a day: the same one for six hours, at most once a minute."""
        asked = self._asked.get(app.key)
        if self.counting and asked is not None and now_ms - asked < MINUTE_MS:
            raise AuthError("EGW00133", "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)")
        self._asked[app.key] = now_ms
        issued = self._issued.get(app.key)
        if issued is None or now_ms - issued >= SAME_TOKEN_MS:
            issued = self._issued[app.key] = now_ms
        until = issued + DAY_MS
        return {
            "access_token": _signed(app, until),
            "access_token_token_expired": datetime.fromtimestamp(until // SECOND, KST).strftime(
                "%Y-%m-%d %H:%M:%S"
            ),
            "token_type": "Bearer",
            "expires_in": (until - now_ms) // SECOND,
        }

    def revoke(self, app: Credentials, token: str) -> None:
        """End a token before its time."""
        self._revoked.add(token)
        self._issued.pop(app.key, None)

    def account_of(self, fields: Mapping[str, str], now_ms: int) -> str:
        """Return the account of a request with these header fields; raise if none may make it."""
        scheme, _, token = fields.get("authorization", "").partition(" ")
        app = self.credentials.get(fields.get("appkey", ""))
        if app is None or not hmac.compare_digest(
            app.secret.encode(), fields.get("appsecret", "").encode()
        ):
            raise KisError("EGW00002", "서버 에러가 발생했습니다.", 500)
        until = _expiry(app, token)
        if scheme != "Bearer" or until is None or token in self._revoked:
            raise KisError("EGW00121", "유효하지 않은 token 입니다.", 500)
        if now_ms >= until:
            raise KisError("EGW00123", "기간이 만료된 token 입니다.", 500)
        return app.account

    def count(self, key: str, now_ms: int) -> None:
        """Count a request of an app; refuse more than two a second."""
        window = self._windows.setdefault(key, RateWindow(SECOND))
        if window.add(1, now_ms) > REQUESTS_A_SECOND and self.counting:
            raise KisError("EGW00201", "초당 거래건수를 초과하였습니다.", 500)

    def hash_of_account(self, account: str, body: str) -> str:
        """Return the hash key of an account's request."""
        app = next(c for c in self.credentials.values() if c.account == account)
        return hash_of(app, body)

    def approved(self, key: str) -> str:
        """Return the account of a WebSocket's approval key; empty if the key is unknown."""
        return next((c.account for c in self.credentials.values() if approval_key(c) == key), "")


def approval_key(app: Credentials) -> str:
    """Return the approval key of an app."""
    return str(UUID(bytes=hmac.digest(app.secret.encode(), app.key.encode(), "sha256")[:16]))


def hash_of(app: Credentials, body: str) -> str:
    """Return the hash key of a request's body: 64 hexadecimal digits."""
    return hmac.digest(app.secret.encode(), body.encode(), "sha256").hex()


def _signed(app: Credentials, until: int) -> str:
    head = _text(b'{"typ":"JWT","alg":"HS512"}')
    signed = f"{head}.{_text(orjson.dumps({'iss': 'sandbox', 'sub': app.key, 'exp': until}))}"
    return f"{signed}.{_text(hmac.digest(app.secret.encode(), signed.encode(), 'sha512'))}"


def _expiry(app: Credentials, token: str) -> int | None:
    """Return when a token of ``app`` ends (ms); None when it is not one."""
    signed, _, signature = token.rpartition(".")
    expected = _text(hmac.digest(app.secret.encode(), signed.encode(), "sha512"))
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return None
    try:
        payload = signed.partition(".")[2]
        found = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return int(found["exp"]) if found["sub"] == app.key else None
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
