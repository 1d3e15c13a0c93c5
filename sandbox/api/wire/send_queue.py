"""What waits to be sent on a WebSocket: an ordered queue, bounded in messages and in bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import ClassVar

from aiohttp import ClientConnectionError, WSMsgType, web

QUEUE_LIMIT = 20_000
QUEUE_BYTES = 4 << 20


class SendQueue:
    """Sends queued messages in order; a client that does not read is cut off."""

    FRAME: ClassVar[WSMsgType] = WSMsgType.TEXT

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._ending = False
        self._filled, self._emptied = asyncio.Event(), asyncio.Event()
        self._emptied.set()
        self.writer = asyncio.create_task(self._write())

    def put(self, raw: bytes) -> None:
        """Queue a message; cut a client off whose queue is full."""
        queue = self._queue
        if self._ending or self.writer.done():
            return
        if len(queue) >= QUEUE_LIMIT or self._bytes + len(raw) > QUEUE_BYTES:
            self.abort()
            return
        if not queue:
            self._filled.set()
            self._emptied.clear()
        queue.append(raw)
        self._bytes += len(raw)

    def abort(self) -> None:
        """Forget what waits and abort the connection, without a close frame."""
        self.writer.cancel()
        self._forget()
        request = self.socket._req
        if request is not None and request.transport is not None:
            request.transport.abort()

    def end(self) -> None:
        """Close the connection once everything that is queued has left."""
        self._ending = True
        self._filled.set()

    async def flushed(self) -> None:
        """Wait until the queue is empty."""
        if not self.writer.done():
            await self._emptied.wait()

    def _forget(self) -> None:
        self._queue.clear()
        self._bytes = 0
        self._emptied.set()

    async def _write(self) -> None:
        queue, send_frame = self._queue, self.socket.send_frame
        try:
            while not self._ending:
                await self._filled.wait()
                while queue:
                    await send_frame(queue[0], self.FRAME)
                    self._bytes -= len(queue.popleft())
                self._filled.clear()
                self._emptied.set()
        except (ConnectionError, ClientConnectionError, asyncio.CancelledError):
            pass
        self._forget()
        await self.socket.close()
