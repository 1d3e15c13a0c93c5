"""Stream sockets: `/market`, `/public` and `/private`, each as `/ws` and `/stream`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from sandbox.api.exchange import BaseExchange
from sandbox.api.stream_connection import StreamConnection
from sandbox.api.stream_hub import Stream

PING_S = 180.0
BAD_REQUEST = 2
# Category of connections to `/ws` and `/stream`: spot, and futures until 2026-04-23.
ROOT = ""


class StreamSockets:
    """Serves market and user streams."""

    def __init__(
        self, exchange: BaseExchange[Any, Any], parse: Callable[[str], Stream | None]
    ) -> None:
        self._exchange = exchange
        self._parse = parse

    async def handle(self, http: web.Request) -> web.WebSocketResponse:
        """Serve a client's connection until it closes."""
        if self._exchange.faults.silent or self._exchange.faults.closed:
            raise web.HTTPServiceUnavailable
        category, form = http.match_info.get("category", ROOT), http.match_info["form"]
        tail = http.match_info.get("tail", "")
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=1 << 20, compress=False)
        await socket.prepare(http)
        exchange = self._exchange
        connection = StreamConnection(socket, category, exchange.faults, combined=form == "stream")
        exchange.hub.connections[connection] = None
        try:
            named = [*http.query.get("streams", "").split("/"), tail]
            named.append(http.query.get("listenKey", ""))
            wanted = [name for name in named if name and not name.isdigit()]
            problem = self._subscribe(connection, wanted)
            if problem:
                connection.enqueue(orjson.dumps({"error": {"code": BAD_REQUEST, "msg": problem}}))
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    connection.enqueue(orjson.dumps(self._command(connection, message.data)))
        finally:
            connection.writer.cancel()
            exchange.hub.leave(connection)
            exchange.audience_changed()
        return socket

    def _command(self, connection: StreamConnection, text: str) -> dict[str, Any]:
        try:
            request = orjson.loads(text)
            method, names, ident = request["method"], request.get("params"), request.get("id")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _problem("Invalid JSON: expected an object with method, params and id", None)
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(connection.names), "id": ident}
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not isinstance(names, list):
            return _problem(f"Invalid request: unknown method {method!r} or params", ident)
        if method == "SUBSCRIBE":
            problem = self._subscribe(connection, [str(name) for name in names])
            if problem:
                return _problem(problem, ident)
        else:
            for name in names:
                self._exchange.hub.unsubscribe(connection, str(name))
            self._exchange.audience_changed()
        return {"result": None, "id": ident}

    def _subscribe(self, connection: StreamConnection, names: list[str]) -> str:
        """Subscribe to all of ``names``, or to none and return the reason."""
        exchange = self._exchange
        if connection.category == "private":
            for key in names:
                if exchange.listen_keys.owner(key) is None:
                    return f"Invalid request: listen key {key[:8]}… is not active"
            for key in names:
                exchange.hub.subscribe_user(connection, key)
            return ""
        streams = []
        for name in names:
            if connection.category == ROOT and exchange.listen_keys.owner(name) is not None:
                exchange.hub.subscribe_user(connection, name)
                continue
            stream = self._parse(name)
            if stream is None or (stream.symbol and stream.symbol not in exchange.feeds):
                return f"Invalid request: no stream {name!r}"
            if connection.category not in (ROOT, stream.category):
                return f"Invalid request: stream {name!r} is served under /{stream.category}"
            streams.append(stream)
        for stream in streams:
            exchange.hub.subscribe(connection, stream)
        if streams:
            exchange.audience_changed()
        return ""


def _problem(text: str, ident: Any) -> dict[str, Any]:
    return {"error": {"code": BAD_REQUEST, "msg": text}, "id": ident}
