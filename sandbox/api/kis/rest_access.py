"""REST handlers of tokens, approval keys and hash keys."""

from __future__ import annotations

import orjson

from sandbox.api.kis.access import approval_key, hash_of
from sandbox.api.kis.call import Json, KisCall, public
from sandbox.engines.kis.rejections import KisError
from sandbox.market.clock import wall_ms
from sandbox.protocol.api_keys import Credentials


def _app(call: KisCall, secret: str = "APPSECRET") -> Credentials:
    grant = call.params.text("GRANT_TYPE")
    if grant not in (None, "client_credentials"):
        raise KisError("EGW00101", "유효하지 않은 요청입니다.", 403)
    return call.kis.access.of_app(call.params.text("APPKEY") or "", call.params.text(secret) or "")


def token(call: KisCall) -> Json:
    """`POST /oauth2/tokenP`."""
    return call.kis.access.issue(_app(call), wall_ms())


def revoke(call: KisCall) -> Json:
    """`POST /oauth2/revokeP`."""
    call.kis.access.revoke(_app(call), call.params.text("TOKEN") or "")
    return {"code": 200, "message": "접근토큰 폐기에 성공하였습니다"}


def approval(call: KisCall) -> Json:
    """`POST /oauth2/Approval`: the key of the WebSocket."""
    return {"approval_key": approval_key(_app(call, "SECRETKEY"))}


def hashed(call: KisCall) -> Json:
    """`POST /uapi/hashkey`: the hash of a body, to be sent with it."""
    fields = call.fields
    app = call.kis.access.of_app(fields.get("appkey", ""), fields.get("appsecret", ""))
    return {"BODY": orjson.loads(call.body or "{}"), "HASH": hash_of(app, call.body)}


ROUTES = {
    ("POST", "/oauth2/tokenP"): public(token),
    ("POST", "/oauth2/revokeP"): public(revoke),
    ("POST", "/oauth2/Approval"): public(approval),
    ("POST", "/uapi/hashkey"): public(hashed),
}
