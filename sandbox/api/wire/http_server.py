"""The HTTP server: it handles a connection's requests in order, each response in one write.

It reads only what API clients send. A WebSocket request hands its connection over to aiohttp.
A request that has begun must be complete in time; a client that only waits may wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from sandbox.api.requests import MAX_PAIRS, ApiRequest, TooManyPairsError, rest_request
from sandbox.api.wire.frame_guard import FrameGuard
from sandbox.protocol.params import whole
from sandbox.protocol.responses import Response

MAX_HEAD, MAX_BODY = 1 << 16, 1 << 20
MAX_FIELDS = 100
# The wall time that a request may take to arrive, from its first byte to its last.
READ_S = 15.0
END_OF_HEAD = b"\r\n\r\n"
STOP_S = 1.0
TRICKLE_S = 1.0
# How a fault spoils a response: it is never sent, cut short, or sent one byte a second.
CUT, GARBLED, TRICKLED = "cut", "garbled", "trickled"
Handler = Callable[[ApiRequest], Awaitable[tuple[Response, str]]]


class UnreadableError(Exception):
    """A request that cannot be parsed, with the HTTP status to respond with."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Head:
    """Request line and header fields (names in lower case); ``length`` is the body's."""

    __slots__ = ("fields", "last", "length", "method", "target")

    def __init__(self, text: str) -> None:
        line, *rest = text.split("\r\n", MAX_FIELDS + 1)
        if len(rest) > MAX_FIELDS:
            raise UnreadableError(431, f"a request has at most {MAX_FIELDS} header fields")
        try:
            self.method, self.target, version = line.split(" ")
        except ValueError as error:
            raise UnreadableError(400, "the first line is not METHOD target HTTP/1.1") from error
        fields: dict[str, str] = {}
        for field in rest:
            name, _, value = field.partition(":")
            fields[name.lower()] = value.strip()
        length = fields.get("content-length", "0")
        if "transfer-encoding" in fields:
            raise UnreadableError(411, "a body needs its Content-Length")
        size = whole(length)
        if size is None:
            raise UnreadableError(400, "Content-Length is not a number")
        self.fields = fields
        self.length = size
        if self.length > MAX_BODY:
            raise UnreadableError(413, f"a body has at most {MAX_BODY} bytes")
        kept = fields.get("connection", "" if version == "HTTP/1.1" else "close").lower()
        self.last = kept == "close"


class HttpServer:
    """Listens on one port; ``handle`` returns a response and how a fault spoils it, if one does.

    ``paced`` is off where wall time means nothing: clients may then send any number of messages.
    """

    def __init__(
        self,
        handle: Handler,
        sockets: Callable[[], asyncio.Protocol],
        read_s: float = READ_S,
        *,
        paced: bool = True,
    ) -> None:
        self.handle = handle
        self.sockets = sockets
        self.read_s = read_s
        self.paced = paced
        self.connections: set[HttpConnection] = set()
        self.stopping = False
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen and return the base URL; ``OSError`` when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: HttpConnection(self), host, port)
        address = self._server.sockets[0].getsockname()
        return f"http://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        """Close the port and all connections; requests in flight have a second to finish."""
        if self._server is None:
            return
        self._server.close()
        self.stopping = True
        busy = [connection.task for connection in self.connections if connection.busy]
        if busy:
            await asyncio.wait(busy, timeout=STOP_S)
        for connection in list(self.connections):
            connection.task.cancel()
            connection.transport.close()


class HttpConnection(asyncio.Protocol):
    """One client's connection; a request is carried out even if its client disconnects."""

    transport: asyncio.Transport
    task: asyncio.Task[None]

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._received = bytearray()
        self._head: Head | None = None
        self._begin = self._scanned = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._arrived, self._writable = asyncio.Event(), asyncio.Event()
        self._writable.set()
        self._address = ""
        self._continued = False
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start handling requests."""
        self.transport = transport  # type: ignore[assignment]
        self._address = str((transport.get_extra_info("peername") or [""])[0])
        self._server.connections.add(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())
        if self._server.stopping:
            # It was accepted while the port closed: nobody else would end it.
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Buffer what has arrived; pause a client that sends too far ahead."""
        self._received += data
        if self._deadline is None and not self.busy:
            self._await_rest()
        if len(self._received) > MAX_HEAD + MAX_BODY:
            self.transport.pause_reading()
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; its last request is still carried out."""
        del exc
        self._server.connections.discard(self)
        self._stop_waiting()
        if not self.busy:
            self.task.cancel()
        self._writable.set()

    def pause_writing(self) -> None:
        """Hold responses back while the client does not read them."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Send responses again."""
        self._writable.set()

    async def _serve(self) -> None:
        try:
            while not (self.transport.is_closing() or self._server.stopping):
                found = self._next()
                if found is None:
                    await self._more()
                    continue
                head, body = found
                self._stop_waiting()
                if "upgrade" in head.fields:
                    self._hand_over()
                    return
                self.busy = True
                await self._respond(head, body)
                self.busy = False
                if self._received:
                    self._await_rest()
        except UnreadableError as error:
            self._write(Response(error.status, str(error), {}), last=True)
        except Exception:
            logging.getLogger(__name__).exception("a request could not be handled")
            self._write(Response(500, "Internal Server Error", {}), last=True)

    def _await_rest(self) -> None:
        """Give the request that has begun its time to arrive."""
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._server.read_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """Close a connection whose request did not arrive in time."""
        self._deadline = None
        text = f"a request must be complete within {self._server.read_s:g} s"
        self._write(Response(408, text, {}), last=True)
        self.task.cancel()

    async def _more(self) -> None:
        self._arrived.clear()
        if not self.transport.is_reading():
            self.transport.resume_reading()
        await self._arrived.wait()

    def _next(self) -> tuple[Head, bytes] | None:
        """Take the first complete request; a WebSocket request stays in the buffer."""
        received = self._received
        if self._head is None and not self._read_head():
            return None
        head, begin = self._head, self._begin
        assert head is not None
        until = begin + head.length
        if len(received) < until:
            if "expect" in head.fields and not self._continued:
                self._continued = True
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(received[begin:until])
        if "upgrade" not in head.fields:
            del received[:until]
            self._continued = False
        self._head, self._scanned = None, 0
        return head, body

    def _read_head(self) -> bool:
        """Parse the head once all of it has arrived; each byte is looked at once."""
        received = self._received
        end = received.find(END_OF_HEAD, max(0, self._scanned - len(END_OF_HEAD)))
        self._scanned = len(received)
        if end > MAX_HEAD or (end < 0 and len(received) > MAX_HEAD):
            raise UnreadableError(431, f"the head of a request has at most {MAX_HEAD} bytes")
        if end < 0:
            return False
        self._head = Head(received[:end].decode(errors="replace"))
        self._begin = end + len(END_OF_HEAD)
        return True

    def _hand_over(self) -> None:
        """Hand the connection over to aiohttp, which reads the WebSocket request again."""
        self._server.connections.discard(self)
        guard = FrameGuard(self._server.sockets(), bytes(self._received), paced=self._server.paced)
        self.transport.set_protocol(guard)
        guard.connection_made(self.transport)

    async def _respond(self, head: Head, body: bytes) -> None:
        try:
            request = rest_request(head.method, head.target, head.fields, body, self._address)
        except TooManyPairsError as error:
            text = f"a request has at most {MAX_PAIRS} parameters"
            raise UnreadableError(413, text) from error
        response, spoilt = await self._server.handle(request)
        if spoilt == CUT:
            self.transport.abort()
        elif spoilt == TRICKLED:
            await self._trickle(response)
        else:
            if head.method == "HEAD":
                response = Response(response.status, "", response.headers)
            self._write(response, last=head.last, garbled=spoilt == GARBLED)
            if not self._writable.is_set():
                await self._writable.wait()

    def _write(self, response: Response, *, last: bool, garbled: bool = False) -> None:
        if self.transport.is_closing():
            return
        raw = response.raw[:-7] if garbled else response.raw
        self.transport.write(head_of(response, len(raw), last=last) + raw)
        if last:
            self.transport.close()

    async def _trickle(self, response: Response) -> None:
        """Send one byte at a time, so that the client must give up by its own time-out."""
        raw = response.raw
        self.transport.write(head_of(response, len(raw), last=False))
        for index in range(len(raw)):
            if self.transport.is_closing():
                return
            self.transport.write(raw[index : index + 1])
            await asyncio.sleep(TRICKLE_S)


def head_of(response: Response, length: int, *, last: bool) -> bytes:
    """Return the status line and header fields of a response."""
    kind = "text/plain; charset=utf-8" if isinstance(response.body, str) else "application/json"
    more = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
    closing = "Connection: close\r\n" if last else ""
    return (
        f"HTTP/1.1 {response.status} {_phrase(response.status)}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {length}\r\nDate: {_date(int(time.time()))}\r\n{more}{closing}\r\n"
    ).encode("latin-1")


@lru_cache
def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
