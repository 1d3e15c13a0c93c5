"""A streaming WebSocket: an ordered queue, and the faults that strike its messages."""

from __future__ import annotations

import asyncio
import re

import orjson
from aiohttp import web

from sandbox.api.wire.send_queue import SendQueue
from sandbox.faults.injection import MESSAGES_MARKET, MESSAGES_USER, Faults, altered
from sandbox.protocol.time_unit import in_microseconds

EVENT = re.compile(rb'"e":"(\w+)"')


class StreamConnection(SendQueue):
    """Sends queued messages in order; ``category`` is the path that the client connected to."""

    def __init__(
        self, socket: web.WebSocketResponse, category: str, faults: Faults, *, combined: bool
    ) -> None:
        super().__init__(socket)
        self.category = category
        self.combined = combined
        self.names: dict[str, None] = {}
        self.muted = self.microseconds = False
        self._faults = faults
        self._reordered: list[bytes] = []
        self._frozen: dict[str, bytes] = {}

    def is_private(self, name: str) -> bool:
        """Whether a stream carries the events of an account."""
        del name
        return self.category == "private"

    def carries(self, *, private: bool) -> bool:
        """Whether the connection carries account events, or market data."""
        return (self.category == "private") == private

    def send(self, name: str, raw: bytes) -> None:
        """Queue an event of the stream ``name``; disconnect a client that does not read."""
        if self.muted:
            return
        if self._faults.shapes_messages:
            kept = self._apply_fault(name, raw)
            if kept is None:
                return
            raw = kept
        self.put(self._wrapped(name, raw))
        if self._reordered:
            reordered, self._reordered = self._reordered, []
            for late in reordered:
                self.put(late)

    def _wrapped(self, name: str, raw: bytes) -> bytes:
        if self.microseconds:
            raw = orjson.dumps(in_microseconds(orjson.loads(raw)))
        if not self.combined:
            return raw
        return b'{"stream":"' + name.encode() + b'","data":' + raw + b"}"

    def _apply_fault(self, name: str, raw: bytes) -> bytes | None:
        """Apply a fault to a message; return what to send now, None for nothing."""
        private = self.is_private(name)
        event = EVENT.search(raw) if private else None
        where = name if event is None else event[1].decode()
        fault = self._faults.take(MESSAGES_USER if private else MESSAGES_MARKET, "", where)
        if fault is None:
            return raw
        whole = self._wrapped(name, raw)
        match fault.kind.partition("_")[0]:
            case "duplicate":
                self.put(whole)
                return raw
            case "alter":
                return altered(raw, fault)
            case "freeze":
                return self._frozen.setdefault(name, raw)
            case "delay":
                asyncio.get_running_loop().call_later(fault.seconds, self.put, whole)
            case "reorder":
                self._reordered.append(whole)
        return None

    def half_open(self) -> None:
        """Behave like a dead peer: send nothing, read nothing, answer no ping."""
        self.muted = True
        transport = self.socket._req.transport if self.socket._req is not None else None
        if isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()
