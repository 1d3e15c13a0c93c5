"""A browser without a browser, and the dashboard that it asks."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from yarl import URL

from dashboard.access.password import read_hash, store_password
from dashboard.app import Dashboard
from dashboard.settings import DashboardSettings, ExecutorAccess
from tests.dashboard.ledgers import NASTY, make_ledger, write_status

PASSWORD = "correct horse battery"


@dataclass
class Client:
    """A browser without a browser: it keeps cookies and follows no redirection."""

    app: FastAPI
    http: aiohttp.ClientSession
    home: str
    sent: list[tuple[str, dict[str, str]]]
    """What reached the executor."""
    published: Path

    async def token(self) -> str:
        """Log in, and return the token that the forms of the session carry."""
        await self.log_in()
        page = (await self.ask("GET", "/control"))[1]
        return page.split('name="csrf" value="')[1].split('"')[0]

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        """Return status, text and headers; a request that writes names its origin."""
        own = {"origin": self.home} if method != "GET" else {}
        given = {name: value for name, value in (own | headers).items() if value != "-"}
        async with self.http.request(
            method, self.home + path, data=form, headers=given, allow_redirects=False
        ) as answer:
            return (
                answer.status,
                await answer.text(),
                {name.lower(): value for name, value in answer.headers.items()},
            )

    async def log_in(self, password: str = PASSWORD, **headers: str) -> int:
        """Post a password; return the status."""
        return (await self.ask("POST", "/login", {"password": password}, **headers))[0]

    async def first_message(self, origin: str, page: str = "") -> Any:
        """Return the first message of the WebSocket, or the code that closed it."""
        async with self.http.ws_connect(f"{self.home}/live/{page}", origin=origin) as live:
            message = await live.receive()
            if message.type is aiohttp.WSMsgType.CLOSE:
                return live.close_code
            packed = message.type is aiohttp.WSMsgType.BINARY
            return json.loads(gzip.decompress(message.data) if packed else message.data)

    @property
    def cookie(self) -> str:
        """The id of the session."""
        return self.http.cookie_jar.filter_cookies(URL(self.home))["nocturne-session"].value


@asynccontextmanager
async def served(
    folder: Path, clock: Callable[[], float] = time.monotonic, timezone: str = "UTC"
) -> AsyncIterator[Client]:
    """Serve a dashboard on a small ledger in this process."""
    state = folder / "state"
    make_ledger(state)
    write_status(state)
    store_password(state, PASSWORD)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    published = folder / "published"
    sent: list[tuple[str, dict[str, str]]] = []

    def control(command: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        if command == "settings":
            return {
                "settings": {"risk.daily_loss_limit": "0.06", "strategies.off": NASTY},
                "changed": {"strategies.off": NASTY},
            }
        sent.append((command, dict(arguments)))
        if command in ("reload", "set", "unset"):
            return {"changed": {"risk.balance_share": ["0.10", "0.05"]}}
        return {"entries": False, "why": f"paused {NASTY}"}

    settings = DashboardSettings(
        *(state, published, read_hash(state)),
        port=port,
        timezone=timezone,
        prefect_url="http://127.0.0.1:9",
    )
    access = ExecutorAccess(control, explain=lambda order: [f"order {order}", NASTY])
    app = Dashboard(settings, access, clock, clock).app
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    jar = aiohttp.CookieJar(unsafe=True)  # it keeps cookies of an address, too
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Client(app, http, f"http://127.0.0.1:{port}", sent, published)
    server.should_exit = True
    await task
