"""WebSocket API connections and their subscriptions to an account's events."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from sandbox.api.wire.send_queue import SendQueue
from sandbox.protocol.time_unit import in_microseconds


class Session(SendQueue):
    """A connection; ``account`` is set while it is logged on (Ed25519 keys only)."""

    def __init__(self, socket: web.WebSocketResponse, address: str) -> None:
        super().__init__(socket)
        self.address = address
        self.account = self.key = ""
        self.logged_on_ms = 0
        self.muted = self.microseconds = False
        self.tasks: set[asyncio.Task[None]] = set()

    def send(self, message: Any) -> None:
        """Queue a message."""
        if not self.muted:
            raw = orjson.dumps(message)
            if self.microseconds:
                raw = orjson.dumps(in_microseconds(orjson.loads(raw)))
            self.put(raw)


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

    def numbers(self, session: Session) -> list[int]:
        """Return the numbers of a session's subscriptions, the newest first."""
        every = (pair for pairs in self._listeners.values() for pair in pairs)
        return sorted((number for one, number in every if one is session), reverse=True)

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
