"""The WebSocket API of both venues: the REST handlers in an envelope, with sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from sandbox.api.gateway import Gateway, authorise
from sandbox.api.requests import KEY, SIGNED, ApiRequest, Route, ServedVenue
from sandbox.api.sessions import Session, UserStreams
from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.faults.injection import CUTTING
from sandbox.market.clock import wall_ms
from sandbox.protocol.params import whole
from sandbox.protocol.responses import Response
from sandbox.protocol.time_unit import wants_microseconds

PING_S = 180.0
SIGNED_CALL = Route(lambda _: {}, SIGNED)


class WsApi:
    """One venue's WebSocket API; ``methods`` maps each method to its REST request."""

    def __init__(
        self,
        gateway: Gateway,
        venue: ServedVenue,
        routes: Mapping[tuple[str, str], Route],
        methods: Mapping[str, tuple[str, str]],
        streams: UserStreams | None = None,
    ) -> None:
        self._gateway = gateway
        self._venue = venue
        self._routes = routes
        self._methods = methods
        self._streams = streams
        self.sessions: dict[Session, None] = {}

    async def handle(self, http: web.Request) -> web.WebSocketResponse:
        """Serve a client's connection until it closes."""
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=1 << 20, compress=False)
        await socket.prepare(http)
        session = Session(socket, http.remote or "")
        session.microseconds = self._venue.microseconds and wants_microseconds(http.query)
        self.sessions[session] = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                if self._venue.faults.waiting:
                    task = asyncio.create_task(self._serve(session, message.data))
                    session.tasks.add(task)
                    task.add_done_callback(session.tasks.discard)
                else:
                    await self._serve(session, message.data)
        finally:
            session.writer.cancel()
            if self._streams is not None:
                self._streams.leave(session)
            del self.sessions[session]
        return socket

    async def _serve(self, session: Session, text: str) -> None:
        try:
            message = orjson.loads(text)
            ident, method = message.get("id"), message["method"]
            values = {name: _text(v) for name, v in (message.get("params") or {}).items()}
            if not isinstance(method, str):
                raise TypeError("a method is a text")
        except (ValueError, KeyError, TypeError, AttributeError):
            refused = Response(400, error_codes.BAD_ENVELOPE().body(), {})
            session.send(_envelope(None, refused, []))
            return
        pair = self._methods.get(method)
        if pair is not None:
            response, injected = await self._call(session, pair, values)
            if injected in CUTTING:
                await session.socket.close()
                return
        else:
            response = self._control(session, method, values)
        limits = [] if values.get("returnRateLimits") == "false" else self._limits(session)
        session.send(_envelope(ident, response, limits))

    async def _call(
        self, session: Session, pair: tuple[str, str], values: dict[str, str]
    ) -> tuple[Response, str]:
        route = self._routes[pair]
        signed_on = route.security in (KEY, SIGNED) and session.account and "apiKey" not in values
        request = _request(pair, values, session, session.account if signed_on else "")
        return await self._gateway.respond(self._venue, route, request)

    def _limits(self, session: Session) -> list[dict[str, Any]]:
        return self._venue.limits.counted(session.address, session.account)

    def _control(self, session: Session, method: str, values: dict[str, str]) -> Response:
        """Handle session and subscription requests, which REST does not have."""
        self._venue.requests += 1
        try:
            match method:
                case "session.logon":
                    result = self._log_on(session, values)
                case "session.status":
                    result = _session_json(session)
                case "session.logout":
                    session.account = session.key = ""
                    result = _session_json(session)
                case _ if self._streams is not None:
                    result = self._subscriptions(self._streams, session, method, values)
                case _:
                    raise error_codes.UNKNOWN_METHOD()
        except ExchangeError as error:
            return Response(error.status, error.body(), {})
        return Response(200, result, {})

    def _log_on(self, session: Session, values: dict[str, str]) -> Any:
        request = _request(("WS", "session.logon"), values, session, "")
        credentials = self._venue.credentials.get(request.key)
        if credentials is not None and not credentials.ed25519:
            raise error_codes.LOGON_KEY()
        session.account = authorise(self._venue, request, SIGNED_CALL)
        session.key, session.logged_on_ms = request.key, wall_ms()
        return _session_json(session)

    def _subscriptions(
        self, streams: UserStreams, session: Session, method: str, values: dict[str, str]
    ) -> Any:
        match method:
            case "userDataStream.subscribe.signature":
                request = _request(("WS", method), values, session, "")
                account = authorise(self._venue, request, SIGNED_CALL)
                return {"subscriptionId": streams.subscribe(session, account)}
            case "userDataStream.subscribe":
                if not session.account:
                    raise error_codes.NOT_LOGGED_ON()
                return {"subscriptionId": streams.subscribe(session, session.account)}
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in streams.numbers(session)]
            case "userDataStream.unsubscribe":
                streams.unsubscribe(session, whole(values.get("subscriptionId", "")))
                return {}
        raise error_codes.UNKNOWN_METHOD()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _request(
    pair: tuple[str, str], values: dict[str, str], session: Session, account: str
) -> ApiRequest:
    payload = "&".join(f"{name}={values[name]}" for name in sorted(values) if name != "signature")
    kept = {name: value for name, value in values.items() if name != "returnRateLimits"}
    return ApiRequest(*pair, kept, payload, values.get("apiKey", ""), session.address, account)


def _envelope(ident: Any, response: Response, limits: list[dict[str, Any]]) -> dict[str, Any]:
    envelope: dict[str, Any] = {"id": ident, "status": response.status}
    body = response.body
    if response.status == 200:
        envelope["result"] = body
    else:
        text = isinstance(body, str)
        envelope["error"] = {"code": -1000, "msg": body} if text else body
    return envelope | ({"rateLimits": limits} if limits else {})


def _session_json(session: Session) -> dict[str, Any]:
    on = bool(session.account)
    return {
        "apiKey": session.key or None,
        "authorizedSince": session.logged_on_ms if on else None,
        "connectedSince": session.logged_on_ms or wall_ms(),
        "returnRateLimits": True,
        "serverTime": wall_ms(),
        "userDataStream": False,
    }
