"""Upbit's WebSocket: `/websocket/v1` for the market, `/websocket/v1/private` for an account."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import WSMsgType, web

from sandbox.api.stream_hub import Stream
from sandbox.api.upbit.access import Tokens
from sandbox.api.upbit.exchange import UpbitExchange
from sandbox.api.upbit.streams import KINDS, UpbitConnection
from sandbox.engines.upbit.engine import UpbitError

PING_S = 120.0
PRIVATE = frozenset({"myOrder", "myAsset"})
MAX_CODES = 1_000
FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")


class WrongFormatError(Exception):
    """A message that is no request, with Upbit's name for the mistake."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class UpbitSockets:
    """Serves market and account streams."""

    def __init__(self, exchange: UpbitExchange, tokens: Tokens) -> None:
        self._exchange = exchange
        self._tokens = tokens

    async def handle(self, http: web.Request) -> web.WebSocketResponse:
        """Serve a client's connection until it closes."""
        exchange, account = self._exchange, ""
        if exchange.faults.silent or exchange.faults.closed:
            raise web.HTTPServiceUnavailable
        if http.path.endswith("/private"):
            try:
                header = http.headers.get("Authorization", "")
                account = self._tokens.account_of(header, (), once=False)
            except UpbitError as error:
                text = orjson.dumps(error.body()).decode()
                raise web.HTTPUnauthorized(text=text, content_type="application/json") from error
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=1 << 20, compress=False)
        await socket.prepare(http)
        connection = UpbitConnection(socket, exchange.faults, account)
        exchange.hub.connections[connection] = None
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._serve(connection, message.data)
        finally:
            connection.writer.cancel()
            exchange.hub.leave(connection)
            exchange.audience_changed()
        return socket

    def _serve(self, connection: UpbitConnection, data: str | bytes) -> None:
        if data in ("PING", b"PING"):
            connection.put(b'{"status":"UP"}')
            return
        try:
            self._subscribe(connection, _requests(data))
        except WrongFormatError as error:
            body = {"error": {"name": error.name, "message": str(error)}}
            connection.put(orjson.dumps(body))

    def _subscribe(self, connection: UpbitConnection, requests: list[dict[str, Any]]) -> None:
        """Replace what the connection gets; a request that is wrong changes nothing."""
        hub, wanted = self._exchange.hub, []
        private: dict[str, frozenset[str]] = {}
        form = next((str(r["format"]) for r in requests if "format" in r), "DEFAULT")
        if form not in FORMATS:
            raise WrongFormatError("WRONG_FORMAT", f"format is one of {', '.join(FORMATS)}")
        for request in requests:
            kind, codes = request.get("type"), request.get("codes") or []
            if kind is None:
                continue
            if not isinstance(codes, list) or len(codes) > MAX_CODES:
                raise WrongFormatError("WRONG_FORMAT", f"codes is a list of at most {MAX_CODES}")
            named = kind if isinstance(kind, str) else ""
            if named in PRIVATE and connection.account:
                private[named] = frozenset(str(code) for code in codes)
            elif named in KINDS:
                wanted += [(self._stream(named, str(code)), request) for code in codes]
            else:
                raise WrongFormatError("INVALID_PARAM", f"no type {str(kind)[:40]!r} here")
        for name in list(connection.names):
            hub.unsubscribe(connection, name)
        connection.short, connection.listed = "SIMPLE" in form, "LIST" in form
        connection.private, connection.codes = frozenset(private), private
        for stream, request in wanted:
            if not request.get("is_only_snapshot", request.get("isOnlySnapshot")):
                hub.subscribe(connection, stream)
            if not request.get("is_only_realtime", request.get("isOnlyRealtime")):
                shown = hub.snapshot(stream)
                if shown is not None:
                    connection.put(orjson.dumps(shown))
        self._exchange.audience_changed()

    def _stream(self, kind: str, code: str) -> Stream:
        symbol = code.partition(".")[0]
        if symbol not in self._exchange.feeds:
            raise WrongFormatError("INVALID_PARAM", f"no market {code[:40]!r}")
        return Stream(f"{symbol}@{kind}", symbol, KINDS[kind], "")


def _requests(data: str | bytes) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(data)
    except ValueError as error:
        raise WrongFormatError("WRONG_FORMAT", "a request is a JSON list") from error
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise WrongFormatError("WRONG_FORMAT", "a request is a JSON list of objects")
    if not any("ticket" in item for item in found):
        raise WrongFormatError("NO_TICKET", "a request has a ticket")
    return found
