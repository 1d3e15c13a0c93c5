"""The pages, the login and the WebSocket."""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jinja2
import orjson
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dashboard.access.guard import COOKIE, LOGIN_NEEDED, POLICY_HEADER, REPORT_POLICY, Guard
from dashboard.access.password import matches
from dashboard.access.sessions import LONGEST_S, LoginSession, Sessions, same
from dashboard.access.throttle import NAME as THROTTLE_FILE
from dashboard.access.throttle import Throttle
from dashboard.controls import ACTIONS, CHANGE_WORD, RELOAD, SettingsReader, perform
from dashboard.live import LiveState
from dashboard.page_clock import PageClock
from dashboard.research.flow_runs import flow_runs, run_link
from dashboard.research.release_watch import find_report
from dashboard.settings import DashboardSettings, ExecutorAccess
from dashboard.snapshot import PARTS
from trading.errors import NocturneError

log = logging.getLogger(__name__)

PAGES = {"": "Now", "trades": "Trades", "research": "Research", "control": "Control", "log": "Log"}
UNKNOWN_PAGE = 4404
"""Code that closes the WebSocket of a page that does not exist."""
TAKEN_WITHIN_S = 10.0
"""A viewer that takes no message for this long is cut off."""
PACKED_FROM = 4096
"""A message of more bytes is sent packed: the whole state of a page, above all."""
ASSETS = {".css": "text/css", ".js": "text/javascript"}
LARGEST_FORM = 4096


class Dashboard:
    """The application with its sessions and its live state."""

    def __init__(
        self,
        settings: DashboardSettings,
        executor: ExecutorAccess | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._executor = executor or ExecutorAccess()
        self._sessions = Sessions(clock)
        self._throttle = Throttle(settings.state / THROTTLE_FILE, wall_clock)
        self._hashing = asyncio.Lock()
        self._ahead: asyncio.Future[dict[str, Any]] | None = None
        self._live = LiveState(settings, self._executor)
        self._hot = SettingsReader(self._executor.control)
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("dashboard"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        clock_of_pages = PageClock(settings.timezone)
        self._templates.globals["clock"] = clock_of_pages
        self._templates.filters["minute"] = clock_of_pages.minute
        self.app = self._routes()

    def _routes(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield
            self._hot.close()
            await self._live.close()

        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
        app.add_middleware(Guard, sessions=self._sessions, hosts=self._settings.allowed_hosts)
        app.get("/login")(self._login_page)
        app.post("/login")(self._login)
        app.post("/logout")(self._logout)
        app.post("/control/{command}")(self._act)
        app.get("/why/{order}")(self._why)
        app.get("/report/{release_id}")(self._report)
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
            server = self._settings.prefect_url
            values["release"], values["flows"] = await asyncio.gather(
                asyncio.to_thread(self._live.releases.part), asyncio.to_thread(flow_runs, server)
            )
            values["run_link"] = partial(run_link, server)
        if page == "control":
            session: LoginSession = request.scope["session"]
            values |= await self._live.controllable()
            values |= {"actions": ACTIONS, "reload": RELOAD, "notice": session.notice}
            values["change_word"] = CHANGE_WORD
            values["hot"] = await self._hot.read()
            session.notice = None
        return self._html(f"{page or 'now'}.html.j2", settings=self._settings, **values)

    async def _why(self, request: Request, order: str) -> Response:
        """Trace an order back to its data."""
        lines: Sequence[str] = ("This dashboard has no ledger to trace it in.",)
        if self._executor.explain is not None:
            try:
                lines = await asyncio.to_thread(self._executor.explain, order)
            except NocturneError as error:
                lines = (str(error),)
        csrf = request.scope["session"].csrf
        return self._html("why.html.j2", page="trades", csrf=csrf, order=order, lines=lines)

    async def _report(self, release_id: str) -> Response:
        """Show the report of a release: one file with its own scripts, shut off from this site."""
        file = await asyncio.to_thread(find_report, self._settings.published, release_id)
        if file is None:
            return self._html("missing.html.j2", 404, page=None, csrf=None)
        body = await asyncio.to_thread(file.read_bytes)
        return Response(body, media_type="text/html", headers={POLICY_HEADER: REPORT_POLICY})

    async def _act(self, request: Request, command: str) -> Response:
        """Send a command of the operator to the executor; the next page says what became of it."""
        session: LoginSession = request.scope["session"]
        form = await _form(request)
        if not same(session.csrf, form.get("csrf", "")):
            return self._html("missing.html.j2", 403, page=None, csrf=None)
        session.notice = await asyncio.to_thread(perform, self._executor.control, command, form)
        return RedirectResponse("/control", status_code=303)

    async def _login_page(self) -> Response:
        return self._html("login.html.j2", page=None, csrf=None, fault="")

    async def _login(self, request: Request) -> Response:
        password = (await _form(request)).get("password", "")
        address = request.client.host if request.client else ""
        async with self._hashing:  # one at a time: each takes 32 MiB, and none slips past the wait
            if (wait := self._throttle.wait_s(address)) > 0:
                fault = f"Too many wrong passwords: wait {round(wait) + 1} s."
                return self._html("login.html.j2", 429, page=None, csrf=None, fault=fault)
            right = await asyncio.to_thread(matches, self._settings.password_hash, password)
            if not right:
                self._throttle.failed(address)
                fault = "This is not the password."
                return self._html("login.html.j2", 401, page=None, csrf=None, fault=fault)
            self._throttle.passed(address)
        self._sessions.end(request.cookies.get(COOKIE))
        # The research page is painted at once when it is opened: its release is read already.
        self._ahead = asyncio.ensure_future(asyncio.to_thread(self._live.releases.part))
        self._ahead.add_done_callback(_logged)
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

    async def _asset(self, request: Request, path: str) -> Response:
        folder = resources.files("web")
        kind = ASSETS.get(Path(path).suffix)
        parts = path.split("/")
        if kind is None or ".." in parts or not folder.joinpath(*parts).is_file():
            return Response(status_code=404)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(folder.joinpath(*parts).read_bytes(), media_type=kind)
        return Response(_packed(path), media_type=kind, headers={"content-encoding": "gzip"})

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
                    body = orjson.dumps(message, default=str)
                    async with asyncio.timeout(TAKEN_WITHIN_S):
                        if len(body) > PACKED_FROM:
                            await socket.send_bytes(gzip.compress(body, mtime=0))
                        else:
                            await socket.send_text(body.decode())
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            return  # the viewer went away, or takes nothing


def _logged(reading: asyncio.Future[dict[str, Any]]) -> None:
    """Log what went wrong; the page reads the release again and shows it."""
    if not reading.cancelled() and (error := reading.exception()) is not None:
        log.warning("release not read ahead: %s", error)


@lru_cache(maxsize=64)
def _packed(path: str) -> bytes:
    """Compress a file of `web/`; it has no secret that its length could tell."""
    return gzip.compress(resources.files("web").joinpath(*path.split("/")).read_bytes(), mtime=0)


async def _form(request: Request) -> dict[str, str]:
    """Read a small form of the kind that a browser sends by default."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return {}
    found = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=10)
    return {name: values[0] for name, values in found.items()}
