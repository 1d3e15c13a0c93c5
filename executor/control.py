"""Control over a local socket: one JSON request a line, one JSON answer."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from trading.errors import SettingsError

log = logging.getLogger(__name__)

Command = Callable[[], Awaitable[dict[str, Any]]]
TIMEOUT_S = 30.0
LONGEST_PATH = 100
"""The kernel's limit for the path of a local socket is 108 bytes."""


def socket_path(state: Path) -> Path:
    """Where the control socket of a state folder lies; a deep folder is reached by a link."""
    return state / "control.sock"


class ControlServer:
    """Answers the commands that it is given."""

    def __init__(self, state: Path, commands: Mapping[str, Command]) -> None:
        self._path = socket_path(state)
        self._commands = commands
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen; only the owner may connect."""
        if len(str(self._path)) > LONGEST_PATH:
            log.warning("no control socket: the path %s is too long", self._path)
            return
        # The lock of the state folder is held: a socket that lies here is a dead process's.
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path=self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            writer.write(orjson.dumps(await self._answer(line), default=str) + b"\n")
            await writer.drain()
        except ConnectionError as error:
            log.info("control: the caller went away (%r)", error)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            name = orjson.loads(line)["command"]
            command = self._commands[name]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return {"error": f"unknown command; known are {', '.join(sorted(self._commands))}"}
        log.info("control: %s", name)
        return await command()


def call(state: Path, command: str) -> dict[str, Any]:
    """Send a command to the executor of a state folder.

    Raises:
        SettingsError: none is running there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        try:
            client.connect(str(socket_path(state)))
            client.sendall(json.dumps({"command": command}).encode() + b"\n")
            with client.makefile("rb") as answer:
                body: dict[str, Any] = orjson.loads(answer.readline())
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"no executor answers in {state} ({error}); start one with `nocturne executor run`"
            ) from error
    return body
