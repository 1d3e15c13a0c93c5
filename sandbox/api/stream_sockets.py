"""Stream sockets: `/market`, `/public` and `/private`, each as `/ws` and `/stream`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from sandbox.api.exchange import BaseExchange
from sandbox.api.stream_connection import StreamConnection
from sandbox.api.stream_hub import Stream
from sandbox.protocol.time_unit import wants_microseconds

PING_S = 180.0
BAD_REQUEST = 2
# Category of connections to `/ws` and `/stream`, which serve streams of every category.
ROOT = ""
MAX_STREAMS = 1_024


@dataclass(frozen=True, slots=True)
class StreamMarket:
    """A venue whose streams are served, and how it reads a stream's name."""

    exchange: BaseExchange[Any, Any]
    parse: Callable[[str], Stream | None]

    def serves(self, name: str) -> bool:
        """Whether ``name`` is a listen key, or a stream of a listed symbol."""
        if self.exchange.listen_keys.owner(name) is not None:
            return True
        stream = self.parse(name)
        return stream is not None and (not stream.symbol or stream.symbol in self.exchange.feeds)


class StreamSockets:
    """Serves market and user streams.

    With several markets a connection belongs to the first one that serves all names of its first
    subscription, and never changes: no client gets the prices of two markets.
    """

    def __init__(self, markets: Sequence[StreamMarket]) -> None:
        self._markets = markets

    async def handle(self, http: web.Request) -> web.WebSocketResponse:
        """Serve a client's connection until it closes."""
        faults = self._markets[0].exchange.faults
        if faults.silent or faults.closed:
            raise web.HTTPServiceUnavailable
        category, form = http.match_info.get("category", ROOT), http.match_info["form"]
        tail = http.match_info.get("tail", "")
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=1 << 20, compress=False)
        await socket.prepare(http)
        connection = StreamConnection(socket, category, faults, combined=form == "stream")
        first = self._markets[0].exchange
        connection.microseconds = first.microseconds and wants_microseconds(http.query)
        client = _Client(connection, self._markets)
        try:
            named = [*http.query.get("streams", "").split("/"), tail]
            named.append(http.query.get("listenKey", ""))
            wanted = [name for name in named if name and not name.isdigit()]
            problem = client.subscribe(wanted)
            if problem:
                connection.put(orjson.dumps({"error": {"code": BAD_REQUEST, "msg": problem}}))
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    connection.put(orjson.dumps(client.command(message.data)))
        finally:
            connection.writer.cancel()
            client.leave()
        return socket


class _Client:
    """A connection and the market that it belongs to, once its first subscription has named one."""

    def __init__(self, connection: StreamConnection, markets: Sequence[StreamMarket]) -> None:
        self._connection = connection
        self._markets = markets
        self._market = markets[0]
        self._decided = False
        if len(markets) == 1:
            self._join(markets[0])

    def _join(self, market: StreamMarket) -> None:
        self._market, self._decided = market, True
        market.exchange.hub.connections[self._connection] = None

    def leave(self) -> None:
        """Forget the connection, which has closed."""
        exchange = self._market.exchange
        exchange.hub.leave(self._connection)
        exchange.audience_changed()

    def command(self, text: str) -> dict[str, Any]:
        """Carry out a command of the client and return the response."""
        try:
            request = orjson.loads(text)
            method, names, ident = request["method"], request.get("params"), request.get("id")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _problem("Invalid JSON: expected an object with method, params and id", None)
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(self._connection.names), "id": ident}
        if method == "SET_PROPERTY" and isinstance(names, list) and len(names) == 2:
            self._connection.combined = bool(names[1])
            return {"result": None, "id": ident}
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not isinstance(names, list):
            return _problem(
                f"Invalid request: unknown method {str(method)[:40]!r} or params", ident
            )
        if method == "SUBSCRIBE":
            problem = self.subscribe([str(name) for name in names])
            if problem:
                return _problem(problem, ident)
        else:
            exchange = self._market.exchange
            for name in names:
                exchange.hub.unsubscribe(self._connection, str(name))
            exchange.audience_changed()
        return {"result": None, "id": ident}

    def subscribe(self, names: list[str]) -> str:
        """Subscribe to all of ``names``, or to none and return the reason."""
        if len(names) + len(self._connection.names) > MAX_STREAMS:
            return f"Invalid request: a connection has at most {MAX_STREAMS} streams"
        if names and not self._decided:
            fitting = [m for m in self._markets if all(m.serves(name) for name in names)]
            if not fitting:
                served = (any(m.serves(name) for m in self._markets) for name in names)
                strange = next((n for n, found in zip(names, served, strict=True) if not found), "")
                return self._not_served(strange)
            self._join(fitting[0])
        connection, exchange = self._connection, self._market.exchange
        if connection.category == "private":
            for key in names:
                if exchange.listen_keys.owner(key) is None:
                    return f"Invalid request: listen key {key[:8]}… is not active"
            for key in names:
                exchange.hub.subscribe_user(connection, key)
            return ""
        return self._subscribe_streams(names)

    def _subscribe_streams(self, names: list[str]) -> str:
        connection, exchange = self._connection, self._market.exchange
        streams = []
        for name in names:
            if connection.category == ROOT and exchange.listen_keys.owner(name) is not None:
                exchange.hub.subscribe_user(connection, name)
                continue
            stream = self._market.parse(name)
            if stream is None or not self._market.serves(name):
                return self._not_served(name)
            if connection.category not in (ROOT, stream.category):
                return f"Invalid request: stream {name!r} is served under /{stream.category}"
            streams.append(stream)
        for stream in streams:
            exchange.hub.subscribe(connection, stream)
        if streams:
            exchange.audience_changed()
        return ""

    def _not_served(self, name: str) -> str:
        """Say what is wrong with a name: its form, or its symbol; with none, the markets differ."""
        if not name:
            return "Invalid request: streams of two markets"
        known = any(market.parse(name) is not None for market in self._markets)
        return f"Invalid request: {'no symbol for' if known else 'no'} stream {name[:100]!r}"


def _problem(text: str, ident: Any) -> dict[str, Any]:
    return {"error": {"code": BAD_REQUEST, "msg": text}, "id": ident}
