"""WebSocket API connections and their subscriptions to an account's events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientConnectionError, WSMsgType, web


@dataclass(eq=False)
class Session:
    """A connection; ``account`` is set while it is logged on (Ed25519 keys only)."""

    socket: web.WebSocketResponse
    address: str
    account: str = ""
    key: str = ""
    logged_on_ms: int = 0
    muted: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def abort(self) -> None:
        """Abort the connection without a close frame."""
        request = self.socket._req
        if request is not None and request.transport is not None:
            request.transport.abort()

    async def send(self, message: Any) -> None:
        """Send a message; close the socket if the client has gone."""
        if self.muted:
            return
        try:
            await self.socket.send_frame(orjson.dumps(message), WSMsgType.TEXT)
        except (ConnectionError, ClientConnectionError):
            await self.socket.close()


class UserStreams:
    """WebSocket API sessions that are subscribed to an account's events."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[tuple[Session, int], None]] = {}
        self._number = -1

    def subscribe(self, session: Session, account: str) -> int:
        """Start sending an account's events; return the subscription's number."""
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
        """End all subscriptions of a session whose connection is closed."""
        self.unsubscribe(session, None)

    def of(self, account: str) -> list[tuple[Session, int]]:
        """Return the subscriptions to an account."""
        return list(self._listeners.get(account, ()))

    @property
    def sessions(self) -> list[Session]:
        """Every session with a subscription, once."""
        found = {pair[0]: None for pairs in self._listeners.values() for pair in pairs}
        return list(found)
