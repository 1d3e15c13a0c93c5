"""The guard of a WebSocket connection: it reads frame heads before aiohttp reads the frames.

Frames of a client must be masked (RFC 6455, 5.1), and a connection may send only so many messages
a second: five on spot streams, ten on futures streams, twenty on the socket of KIS, PING and PONG
frames included. On the WebSocket API only PING and PONG frames are limited. A connection that
breaks a rule is cut off, as the exchange does it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

END_OF_HEAD = b"\r\n\r\n"
SPOT_LIMIT, USDM_LIMIT, KIS_LIMIT = 5, 10, 20
SECOND = 1.0
CONTROL_BIT, MASK_BIT, LENGTH_BITS = 0x08, 0x80, 0x7F
CLOSE = 0x08
SHORT, LONG = 126, 127
POLICY, PROTOCOL = 1008, 1002
USDM_ROOTS = ("/market", "/public", "/private", "/usdm/")
API_ROOTS = ("/ws-api", "/ws-fapi")
FREE_ROOTS = ("/sandbox/",)
KIS_ROOT = "/tryitout"


def _limit_of(path: str) -> int:
    """Return how many messages a second a connection to ``path`` may send."""
    if path == "/" or path.startswith(KIS_ROOT):
        return KIS_LIMIT
    return USDM_LIMIT if path.startswith(USDM_ROOTS) else SPOT_LIMIT


class FrameGuard(asyncio.Protocol):
    """Passes a connection on to ``inner``, which has yet to read ``request``."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        request: bytes,
        seconds: Callable[[], float] = time.monotonic,
        *,
        paced: bool = True,
    ) -> None:
        self._inner = inner
        head_end = request.find(END_OF_HEAD) + len(END_OF_HEAD)
        self._head, self._rest = request[:head_end], request[head_end:]
        path = request.split(b" ", 2)[1].decode(errors="replace")
        self._limit = _limit_of(path)
        self._controls_only = path.startswith(API_ROOTS)
        self._free = not paced or path.startswith(FREE_ROOTS)
        self._seconds = seconds
        self._second, self._count = 0.0, 0
        self._partial = b""
        self._skip = 0
        self._cut = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection and what has arrived so far to the inner protocol."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._inner.connection_made(transport)
        self._inner.data_received(self._head)
        if self._rest:
            self.data_received(self._rest)

    def data_received(self, data: bytes) -> None:
        """Check the frames that begin in ``data``, then pass it on."""
        if self._cut:
            return
        problem = self._check(data)
        if problem:
            self._cut_off(problem)
        else:
            self._inner.data_received(data)

    def _check(self, data: bytes) -> int:
        """Return the close code of the first broken rule, 0 when there is none."""
        at = 0
        while at < len(data):
            if self._skip:
                passed = min(self._skip, len(data) - at)
                self._skip -= passed
                at += passed
                continue
            partial = self._partial + data[at : at + 14 - len(self._partial)]
            size = _head_size(partial)
            if size == 0 or len(partial) < size:
                self._partial = partial
                return 0
            problem = self._admit(partial)
            if problem:
                return problem
            at += size - len(self._partial)
            self._partial = b""
            self._skip = _payload_size(partial)
        return 0

    def _admit(self, head: bytes) -> int:
        if not head[1] & MASK_BIT:
            return PROTOCOL
        opcode = head[0] & 0x0F
        control = bool(opcode & CONTROL_BIT)
        if self._free or opcode in (0, CLOSE) or (self._controls_only and not control):
            return 0
        now = self._seconds()
        if now - self._second >= SECOND:
            self._second, self._count = now, 0
        self._count += 1
        return POLICY if self._count > self._limit else 0

    def _cut_off(self, code: int) -> None:
        self._cut = True
        self._transport.write(b"\x88\x02" + code.to_bytes(2, "big"))
        self._transport.close()

    def eof_received(self) -> bool | None:
        """Pass the end of the client's data on."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end of the connection on."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the client does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client reads again."""
        self._inner.resume_writing()


def _head_size(head: bytes) -> int:
    """Return the size of a frame's head, mask included; 0 while that is not known."""
    if len(head) < 2:
        return 0
    length = head[1] & LENGTH_BITS
    extended = 2 if length == SHORT else 8 if length == LONG else 0
    return 2 + extended + (4 if head[1] & MASK_BIT else 0)


def _payload_size(head: bytes) -> int:
    length = head[1] & LENGTH_BITS
    if length == SHORT:
        return int.from_bytes(head[2:4], "big")
    if length == LONG:
        return int.from_bytes(head[2:10], "big")
    return length
