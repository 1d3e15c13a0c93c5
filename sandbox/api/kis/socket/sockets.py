"""The WebSocket of KIS: one for the market and for the notices of an account."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from sandbox.api.kis.exchange import KisExchange
from sandbox.api.kis.socket.streams import KINDS, NOTICE, KisConnection
from sandbox.api.kis.times import KST
from sandbox.api.stream_hub import Stream

# From memory: how often the server sends PINGPONG.
PING_S = 10.0
# From memory: what one approval key may register.
MOST = 41
REGISTER, FORGET = "1", "2"
OLD_FORGET = "0"


class KisSockets:
    """Serves market streams and own notices."""

    def __init__(self, exchange: KisExchange) -> None:
        self._exchange = exchange

    async def handle(self, http: web.Request) -> web.WebSocketResponse:
        """Serve a client's connection until it closes."""
        exchange = self._exchange
        if exchange.faults.silent or exchange.faults.closed:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=1 << 16, compress=False)
        await socket.prepare(http)
        connection = KisConnection(socket, exchange.faults)
        exchange.hub.connections[connection] = None
        pinging = asyncio.create_task(_ping(connection))
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._serve(connection, message.data)
        finally:
            pinging.cancel()
            connection.writer.cancel()
            exchange.hub.leave(connection)
            exchange.audience_changed()
        return socket

    def _serve(self, connection: KisConnection, data: str | bytes) -> None:
        """Carry out a request and reply to it; the echo of a PINGPONG has no reply."""
        try:
            document = orjson.loads(data)
            header = document["header"]
            if header.get("tr_id") == "PINGPONG":
                return
            wanted = document["body"]["input"]
            name, key, form = str(wanted["tr_id"]), str(wanted["tr_key"]), str(header["tr_type"])
            approval = str(header["approval_key"])
        except (ValueError, KeyError, TypeError, AttributeError):
            connection.put(_reply("", "", "OPSP0007", "SUBSCRIBE INTERNAL ERROR", failed=True))
            return
        account = self._exchange.access.approved(approval)
        if not account:
            text = "invalid approval : NOT FOUND"
            connection.put(_reply(name, key, "OPSP0011", text, failed=True))
        elif form == REGISTER:
            self._register(connection, account, name, key)
        elif form in (FORGET, OLD_FORGET):
            self._forget(connection, name, key)
        else:
            connection.put(_reply(name, key, "OPSP0007", "SUBSCRIBE INTERNAL ERROR", failed=True))
        self._exchange.audience_changed()

    def _register(self, connection: KisConnection, account: str, name: str, key: str) -> None:
        hub = self._exchange.hub
        known = name == NOTICE or (name in KINDS and key in self._exchange.feeds)
        if not known:
            text = "SUBSCRIBE ERROR : mci send failed"
            connection.put(_reply(name, key, "OPSP8993", text, failed=True))
        elif (name, key) in connection.registered:
            connection.put(_reply(name, key, "OPSP0002", "ALREADY IN SUBSCRIBE", failed=True))
        elif len(connection.registered) >= MOST:
            connection.put(_reply(name, key, "OPSP0008", "MAX SUBSCRIBE OVER", failed=True))
        else:
            connection.registered.add((name, key))
            output = {"iv": connection.iv, "key": connection.key}
            connection.put(_reply(name, key, "OPSP0000", "SUBSCRIBE SUCCESS", output))
            if name == NOTICE:
                connection.account, connection.customer = account, key
            else:
                hub.subscribe(connection, Stream(f"{name}|{key}", key, KINDS[name], ""))

    def _forget(self, connection: KisConnection, name: str, key: str) -> None:
        if (name, key) not in connection.registered:
            text = "UNSUBSCRIBE ERROR(not found!)"
            connection.put(_reply(name, key, "OPSP0003", text, failed=True))
            return
        connection.registered.discard((name, key))
        if name == NOTICE:
            connection.account = ""
        else:
            self._exchange.hub.unsubscribe(connection, f"{name}|{key}")
        connection.put(_reply(name, key, "OPSP0001", "UNSUBSCRIBE SUCCESS"))


def _reply(
    name: str,
    key: str,
    code: str,
    text: str,
    output: dict[str, str] | None = None,
    *,
    failed: bool = False,
) -> bytes:
    body: dict[str, Any] = {"rt_cd": "1" if failed else "0", "msg_cd": code, "msg1": text}
    if output is not None:
        body["output"] = output
    header = {"tr_id": name, "tr_key": key, "encrypt": "Y" if name == NOTICE else "N"}
    return orjson.dumps({"header": header, "body": body})


async def _ping(connection: KisConnection) -> None:
    while True:
        await asyncio.sleep(PING_S)
        stamp = datetime.now(KST).strftime("%Y%m%d%H%M%S")
        connection.put(orjson.dumps({"header": {"tr_id": "PINGPONG", "datetime": stamp}}))
