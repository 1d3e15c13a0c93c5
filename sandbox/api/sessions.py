"""Connections to a WebSocket API, and their subscriptions to an account's events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientConnectionError, WSMsgType, web


@dataclass(eq=False)
class Session:
    """One connection; ``account`` is set while it is logged on (Ed25519 keys only)."""

    socket: web.WebSocketResponse
    address: str
    account: str = ""
    key: str = ""
    logged_on_ms: int = 0
    muted: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def cut(self) -> None:
        """End the connection without a word."""
        request = self.socket._req
        if request is not None and request.transport is not None:
            request.transport.abort()

    async def send(self, message: Any) -> None:
        """Send a message; a client that has gone is told nothing."""
        if self.muted:
            return
        try:
            await self.socket.send_frame(orjson.dumps(message), WSMsgType.TEXT)
        except (ConnectionError, ClientConnectionError):
            await self.socket.close()


class UserStreams:
    """Sessions of the WebSocket API that have subscribed to an account's events."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[tuple[Session, int], None]] = {}
        self._number = -1

    def subscribe(self, session: Session, account: str) -> int:
        """Begin to send an account's events; the subscription's number."""
        self._number += 1
        self._listeners.setdefault(account, {})[session, self._number] = None
        return self._number

    def unsubscribe(self, session: Session, number: int | None) -> None:
        """End one subscription of the session, or all."""
        for listeners in self._listeners.values():
            for pair in list(listeners):
                if pair[0] is session and number in (None, pair[1]):
                    del listeners[pair]

    def leave(self, session: Session) -> None:
        """The session's connection is closed."""
        self.unsubscribe(session, None)

    def of(self, account: str) -> list[tuple[Session, int]]:
        """Who listens to an account."""
        return list(self._listeners.get(account, ()))

    @property
    def sessions(self) -> list[Session]:
        """Every session with a subscription, once."""
        found = {pair[0]: None for pairs in self._listeners.values() for pair in pairs}
        return list(found)
