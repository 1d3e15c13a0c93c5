"""The pages, the login and the WebSocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jinja2
import orjson
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboard.controls import ACTIONS, Control, perform
from dashboard.executor_feed import Follow
from dashboard.guard import COOKIE, LOGIN_NEEDED, Guard
from dashboard.live import LiveState
from dashboard.password import matches
from dashboard.releases import release_part
from dashboard.sessions import LONGEST_S, LoginSession, Sessions, Throttle, same
from lake.ledger_database import LedgerSource

PAGES = {"": "Now", "trades": "Trades", "research": "Research", "control": "Control", "log": "Log"}
ALWAYS = ("executor", "spoken")
PARTS = {
    "": (*ALWAYS, "facts", "equity", "positions"),
    "trades": (*ALWAYS, "trades"),
    "research": ALWAYS,
    "control": ALWAYS,
    "log": (*ALWAYS, "log"),
}
"""What is live on each page."""
UNKNOWN_PAGE = 4404
"""Code that closes the WebSocket of a page that does not exist."""
TAKEN_WITHIN_S = 10.0
"""A viewer that takes no message for this long is cut off."""
ASSETS = {".css": "text/css", ".js": "text/javascript"}
LARGEST_FORM = 4096


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """Where the executor's state and the releases lie, and where the dashboard listens."""

    state: Path
    published: Path
    password_hash: str
    settings_file: str = "config/settings.toml"
    host: str = "127.0.0.1"
    port: int = 8050
    hosts: frozenset[str] = field(default_factory=frozenset)
    ledger: LedgerSource | None = None
    """Where it is, if not in the folder of the state."""

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Host names under which a browser may ask."""
        names = {self.host, "localhost"}
        return self.hosts | {f"{name}:{self.port}" for name in names}


class Dashboard:
    """The application with its sessions and its live state."""

    def __init__(
        self,
        settings: DashboardSettings,
        control: Control | None = None,
        follow: Follow | None = None,
    ) -> None:
        self._settings = settings
        self._control = control
        self._sessions = Sessions(time.monotonic)
        self._throttle = Throttle(time.monotonic)
        self._hashing = asyncio.Lock()
        self._live = LiveState(settings.state, settings.ledger, follow)
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("dashboard"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.app = self._routes()

    def _routes(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield
            await self._live.close()

        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
        app.add_middleware(Guard, sessions=self._sessions, hosts=self._settings.allowed_hosts)
        app.get("/login")(self._login_page)
        app.post("/login")(self._login)
        app.post("/logout")(self._logout)
        app.post("/control/{command}")(self._act)
        app.get("/static/{path:path}")(self._asset)
        app.websocket("/live/{page}")(self._follow)
        app.websocket("/live/")(self._follow)
        app.get("/{page}")(self._page)
        app.get("/")(self._page)
        return app

    def _html(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        text = self._templates.get_template(template).render(pages=PAGES, **values)
        return HTMLResponse(text, status_code=status)

    async def _page(self, request: Request, page: str = "") -> Response:
        if page not in PAGES:
            return self._html("missing.html.j2", 404, page=None, csrf=None)
        values: dict[str, Any] = {"page": page, "csrf": request.scope["session"].csrf}
        if page == "research":
            values["release"] = await asyncio.to_thread(release_part, self._settings.published)
        if page == "control":
            session: LoginSession = request.scope["session"]
            values |= await self._live.controllable()
            values |= {"actions": ACTIONS, "notice": session.notice}
            session.notice = None
        return self._html(f"{page or 'now'}.html.j2", settings=self._settings, **values)

    async def _act(self, request: Request, command: str) -> Response:
        """Send a command of the operator to the executor; the next page says what became of it."""
        session: LoginSession = request.scope["session"]
        form = await _form(request)
        if not same(session.csrf, form.get("csrf", "")):
            return self._html("missing.html.j2", 403, page=None, csrf=None)
        session.notice = await asyncio.to_thread(perform, self._control, command, form)
        return RedirectResponse("/control", status_code=303)

    async def _login_page(self) -> Response:
        return self._html("login.html.j2", page=None, csrf=None, fault="")

    async def _login(self, request: Request) -> Response:
        if (wait := self._throttle.wait_s) > 0:
            fault = f"Too many wrong passwords: wait {round(wait) + 1} s."
            return self._html("login.html.j2", 429, page=None, csrf=None, fault=fault)
        password = (await _form(request)).get("password", "")
        async with self._hashing:  # one at a time: each takes 32 MiB
            right = await asyncio.to_thread(matches, self._settings.password_hash, password)
        if not right:
            self._throttle.failed()
            fault = "This is not the password."
            return self._html("login.html.j2", 401, page=None, csrf=None, fault=fault)
        self._throttle.passed()
        self._sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(),
            max_age=int(LONGEST_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    async def _logout(self, request: Request) -> Response:
        if not same(request.scope["session"].csrf, (await _form(request)).get("csrf", "")):
            return self._html("missing.html.j2", 403, page=None, csrf=None)
        self._sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    async def _asset(self, path: str) -> Response:
        folder = resources.files("web")
        kind = ASSETS.get(Path(path).suffix)
        parts = path.split("/")
        if kind is None or ".." in parts or not folder.joinpath(*parts).is_file():
            return Response(status_code=404)
        return Response(folder.joinpath(*parts).read_bytes(), media_type=kind)

    async def _follow(self, socket: WebSocket, page: str = "") -> None:
        await socket.accept()
        if page not in PARTS:
            await socket.close(code=UNKNOWN_PAGE)
            return
        try:
            async with aclosing(self._live.follow(PARTS[page])) as messages:
                async for message in messages:
                    if self._sessions.find(socket.cookies.get(COOKIE)) is None:
                        await socket.close(code=LOGIN_NEEDED)
                        return
                    async with asyncio.timeout(TAKEN_WITHIN_S):
                        await socket.send_text(orjson.dumps(message, default=str).decode())
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            return  # the viewer went away, or takes nothing


async def _form(request: Request) -> dict[str, str]:
    """Read a small form of the kind that a browser sends by default."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return {}
    found = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=10)
    return {name: values[0] for name, values in found.items()}
