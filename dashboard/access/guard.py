"""What every request passes: the allowed hosts and origins, the session, and the safe headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access.sessions import Sessions

COOKIE = "nocturne-session"
OPEN_PATHS = ("/login", "/static/")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
)
"""A report holds its scripts: the sandbox gives it an origin of its own, without our cookie."""
POLICY_HEADER = "content-security-policy"
HEADERS = {
    POLICY_HEADER: POLICY,
    "x-content-type-options": "nosniff",
    # Not "no-referrer": with it browsers hide the origin of a form of our own, too.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
LOGIN_NEEDED = 4401
"""Code that closes a WebSocket without a session."""


class Guard:
    """Refuses foreign hosts and origins, and whatever has no session but is not open to all.

    A page of another site can neither reach this server under its own name (Host) nor open its
    WebSocket (Origin); a page of this one that posts carries a token of its session as well.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, hosts: Iterable[str]) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None and not self._may_pass(scope):
            refusal = "login"
        if refusal is not None and scope["type"] == "websocket":
            await receive()
            if refusal == "login":
                await send({"type": "websocket.accept"})  # else the page cannot see the code
            await send({"type": "websocket.close", "code": LOGIN_NEEDED, "reason": refusal})
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                given.update({name: v for name, v in HEADERS.items() if name not in given})
            await send(message)

        if refusal == "login":
            await RedirectResponse("/login", status_code=303)(scope, receive, send_safely)
        elif refusal is not None:
            answer = PlainTextResponse(refusal, status_code=403)
            await answer(scope, receive, send_safely)
        else:
            await self._app(scope, receive, send_safely)

    def _refusal(self, scope: Scope, headers: Headers) -> str | None:
        if is_foreign_host(headers, self._hosts):
            return "this host name is not allowed"
        if is_foreign_origin(scope, headers):
            return "this origin is not allowed"
        return None

    def _may_pass(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if path == OPEN_PATHS[0] or path.startswith(OPEN_PATHS[1]):
            return True
        connection: HTTPConnection[Any] = HTTPConnection(scope)
        session = self._sessions.find(connection.cookies.get(COOKIE))
        scope["session"] = session
        return session is not None


def is_foreign_host(headers: Headers, hosts: frozenset[str]) -> bool:
    """Tell whether a request names another host: its page may have been bound to this address."""
    return headers.get("host") not in hosts


def is_foreign_origin(scope: Scope, headers: Headers) -> bool:
    """Tell whether a request that writes, or a WebSocket, comes from a page of another site."""
    writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
    own = {f"{scheme}://{headers['host']}" for scheme in ("http", "https")}
    return writes and headers.get("origin") not in own
