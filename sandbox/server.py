"""The server: one port on loopback for REST, streams and the sandbox's own control calls."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aiohttp import web

from sandbox.access import Credentials
from sandbox.clock import Clock, LockstepClock, PacedClock, wall_ms
from sandbox.control import Control
from sandbox.engine.engine import Engine
from sandbox.gateway import Gateway
from sandbox.ledger import Ledger
from sandbox.limits import Limits
from sandbox.loading import choose_span, load_feeds
from sandbox.mischief import Mischief
from sandbox.replay import Replay
from sandbox.settings import Settings, iso
from sandbox.usdm.exchange import Exchange
from sandbox.usdm.listen_keys import ListenKeys
from sandbox.usdm.sockets import Sockets
from sandbox.usdm.streams import Hub
from sandbox.usdm.ws_methods import METHODS, ROUTES
from sandbox.ws_api import WsApi
from trading.errors import SettingsError

FLUSH_EVERY_S = 0.5
# Up to this speed a client sees the market move each second, above it at the turning points only.
REFINED_UP_TO = 60.0
SECOND_MS = 1_000
ACCOUNT = "main"


class SandboxServer:
    """A simulated exchange that listens on ``url`` between ``start`` and ``stop``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        feeds = load_feeds(settings)
        self.span = span = choose_span(settings, feeds)
        engine = Engine([feed.instrument for feed in feeds.values()])
        engine.at(span.begin)
        engine.open_account(ACCOUNT, settings.balances)
        credentials = Credentials(settings.key, settings.secret, ACCOUNT)
        self.clock = _make_clock(settings)
        self.exchange = Exchange(
            engine=engine,
            feeds=feeds,
            credentials={settings.key: credentials},
            ledger=Ledger(settings.ledger),
            clock=self.clock,
            limits=Limits(settings.weight_limit),
            hub=Hub(feeds),
            listen_keys=ListenKeys(settings.seed),
        )
        self.replay = Replay(
            engine, feeds, self.clock, self.exchange, span, settings.seed, _refine_ms(settings)
        )
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        self._tasks: list[asyncio.Task[None]] = []
        self.url = ""

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=1 << 20)
        sockets = Sockets(self.exchange)
        control = Control(self.exchange, self.replay, Mischief(self.exchange))
        control.add_routes(application)
        for form in ("ws", "stream"):
            path = f"/{{category:market|public|private}}/{{form:{form}}}"
            application.router.add_get(path, sockets.handle)
            application.router.add_get(path + "/{tail:.+}", sockets.handle)
        gateway = Gateway([(self.exchange, ROUTES)], {})
        ws_api = WsApi(gateway, self.exchange, ROUTES, METHODS)
        application.router.add_get("/ws-fapi/v1", ws_api.handle)
        application.router.add_route("*", "/{path:.*}", gateway.handle)
        return application

    async def start(self) -> str:
        """Listen, begin the replay, and give the base URL."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise SettingsError(
                f"--port {self.settings.port}: cannot listen on {self.settings.host} "
                f"({error.strerror}); choose another port, or 0 for a free one"
            ) from error
        self._record_start()
        await self.exchange.publish()
        address = self._runner.addresses[0]
        self.url = f"http://{address[0]}:{address[1]}"
        self._tasks = [
            asyncio.create_task(self._replay()),
            asyncio.create_task(self._keep_ledger()),
        ]
        return self.url

    def _record_start(self) -> None:
        settings, span = self.settings, self.span
        self.exchange.ledger.write_meta(
            {
                "venue": settings.venue,
                "begin": iso(span.begin),
                "end": iso(span.end),
                "clock": self.clock.name,
                "seed": str(settings.seed),
                "symbols": ",".join(self.exchange.feeds),
            },
            wall_ms(),
        )

    async def _replay(self) -> None:
        try:
            await self.replay.run()
        except Exception:
            # Status says it and the log has the cause; clients can still ask for their orders.
            logging.getLogger(__name__).exception("the replay stopped")
            self.replay.failed = True

    async def _keep_ledger(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self.exchange.ledger.flush()

    async def stop(self) -> None:
        """Stop the market, close every connection, write the ledger."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        for handle in self.exchange.countdowns.values():
            handle.cancel()
        for connection in list(self.exchange.hub.connections):
            connection.writer.cancel()
        await self._runner.cleanup()
        await self.exchange.publish()
        self.exchange.ledger.close()


def _make_clock(settings: Settings) -> Clock:
    if settings.clock == "lockstep":
        return LockstepClock()
    return PacedClock(1.0 if settings.clock == "real" else settings.speed)


def _refine_ms(settings: Settings) -> int | None:
    """Spacing of the path's points; None walks a minute only where something is at stake."""
    if settings.clock == "lockstep":
        return None
    paced = 1.0 if settings.clock == "real" else settings.speed
    return SECOND_MS if paced <= REFINED_UP_TO else 60 * SECOND_MS
