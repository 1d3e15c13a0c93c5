"""Control over a local socket: one JSON request a line, one JSON answer.

``watch`` has no end: its answer is one line after the other until the caller goes away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from trading.errors import SettingsError

log = logging.getLogger(__name__)

Command = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
Follow = Callable[[], AsyncGenerator[dict[str, Any], None]]
WATCH = "watch"
LOOKS = frozenset({"status", "health", "settings"})
"""Commands that change nothing: a dashboard asks every few seconds."""
WATCH_REQUEST = json.dumps({"command": WATCH}).encode() + b"\n"
LONGEST_LINE = 2**24
"""Bytes of one update: a status grows with the positions."""
TIMEOUT_S = 30.0
TAKEN_WITHIN_S = 10.0
"""A watcher that takes nothing for this long is cut off."""
NAME = "control.sock"


@contextmanager
def _address(state: Path) -> Iterator[str]:
    """Address of the socket in at most 108 bytes, the kernel's limit, however deep the folder."""
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


class ControlServer:
    """Answers commands."""

    def __init__(
        self, state: Path, commands: Mapping[str, Command], follow: Follow | None = None
    ) -> None:
        self._state = state
        self._commands = commands
        self._follow = follow
        self._watching: set[asyncio.Task[Any]] = set()
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen; only the owner may connect."""
        path = self._state / NAME
        # This process has the lock of the folder: an existing socket is a dead process's.
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            with _address(self._state) as address:
                listener.bind(address)
        finally:
            os.umask(mask)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            for task in self._watching:
                task.cancel()
            await asyncio.gather(*self._watching, return_exceptions=True)
            (self._state / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if self._follow is not None and _is_watch(line):
                await self._push(self._follow, writer)
                return
            writer.write(orjson.dumps(await self._answer(line), default=str) + b"\n")
            await writer.drain()
        except ConnectionError as error:
            log.info("control: the caller went away (%r)", error)
        finally:
            writer.close()

    async def _push(self, follow: Follow, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._watching.add(task)
        updates = follow()
        try:
            async for update in updates:
                if writer.is_closing():
                    break  # the watcher went away; uvloop raises on a write
                writer.write(orjson.dumps(update, default=str) + b"\n")
                async with asyncio.timeout(TAKEN_WITHIN_S):
                    await writer.drain()
        except asyncio.CancelledError:
            pass  # by `stop`; asyncio would log the cancelled connection as a fault
        except TimeoutError:
            log.info("control: a watcher takes nothing, and is cut off")
            # Closing would wait for it to take the rest.
            writer.transport.abort()
        finally:
            self._watching.discard(task)
            await updates.aclose()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = orjson.loads(line)
            name = request["command"]
            command = self._commands[name]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return {"error": f"unknown command; known are {', '.join(sorted(self._commands))}"}
        log.log(logging.DEBUG if name in LOOKS else logging.INFO, "control: %s", name)
        try:
            return await command(request)
        except Exception as error:
            # The caller learns what went wrong; the server goes on.
            log.exception("control: %s failed", name)
            return {"error": f"{name} failed: {type(error).__name__}: {error}"}


def _is_watch(line: bytes) -> bool:
    try:
        return bool(orjson.loads(line)["command"] == WATCH)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False


def watch(state: Path) -> Iterator[dict[str, Any]]:
    """Yield what the executor of a state folder pushes, until it stops.

    Raises:
        SettingsError: none is running there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            with _address(state) as address:
                client.connect(address)
        except OSError as error:
            raise _nobody(state, error) from error
        client.sendall(WATCH_REQUEST)
        with client.makefile("rb") as lines:
            for line in lines:
                yield orjson.loads(line)


async def follow(state: Path) -> AsyncGenerator[dict[str, Any], None]:
    """Yield like `watch`, on an event loop; an update that the end of the executor tore is dropped.

    Raises:
        SettingsError: none is running there.
    """
    try:
        with _address(state) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=LONGEST_LINE)
    except OSError as error:
        raise _nobody(state, error) from error
    try:
        writer.write(WATCH_REQUEST)
        while (line := await reader.readline()).endswith(b"\n"):
            yield orjson.loads(line)
    except ConnectionError as error:
        raise _nobody(state, error) from error
    finally:
        writer.close()


def _nobody(state: Path, error: Exception) -> SettingsError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return SettingsError(
        f"no executor answers in {state} ({reason}); start one with `nocturne executor run`"
    )


def call(state: Path, command: str, **arguments: str) -> dict[str, Any]:
    """Send a command with its arguments to the executor of a state folder.

    Raises:
        SettingsError: none is running there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        try:
            with _address(state) as address:
                client.connect(address)
            client.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            with client.makefile("rb") as answer:
                body: dict[str, Any] = orjson.loads(answer.readline())
        except TimeoutError as error:
            raise SettingsError(
                f"the executor has not answered within {TIMEOUT_S:g} s, and may still do it; look"
                " at its state before you repeat the command"
            ) from error
        except (OSError, ValueError) as error:
            raise _nobody(state, error) from error
    return body
