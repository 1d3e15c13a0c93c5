"""The server: one port on loopback for REST, streams and the sandbox's own control calls."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.api.absent import routes as absent
from sandbox.api.gateway import Gateway, Routes
from sandbox.api.kis import routes as kis
from sandbox.api.kis.exchange import KisExchange
from sandbox.api.kis.gateway import KisGateway
from sandbox.api.kis.socket.sockets import KisSockets
from sandbox.api.requests import ApiRequest
from sandbox.api.spot import rest_retired as spot_retired
from sandbox.api.spot import routes as spot
from sandbox.api.spot import streams as spot_streams
from sandbox.api.stream_sockets import StreamMarket, StreamSockets
from sandbox.api.upbit import routes as upbit
from sandbox.api.upbit.access import Tokens
from sandbox.api.upbit.exchange import UpbitExchange
from sandbox.api.upbit.gateway import UpbitGateway
from sandbox.api.upbit.sockets import UpbitSockets
from sandbox.api.usdm import rest_retired as usdm_retired
from sandbox.api.usdm import routes as usdm
from sandbox.api.usdm import streams as usdm_streams
from sandbox.api.venues import Venues
from sandbox.api.wire.http_server import STOP_S, HttpServer
from sandbox.api.ws_api import WsApi
from sandbox.faults.incidents import Incidents
from sandbox.live.market import LiveMarket
from sandbox.live.upstream import upstream_of
from sandbox.market.clock import SteppedClock, wall_ms
from sandbox.market.replay import Replay
from sandbox.protocol.responses import Response
from sandbox.server.builder import FeedsByVenue, assemble, make_clock, refine_ms
from sandbox.server.control_api import Control
from sandbox.server.settings import SandboxSettings, iso
from sandbox.server.snapshots import StateFile
from trading.errors import SettingsError

FLUSH_EVERY_S = 0.5


class SandboxServer:
    """A simulated exchange that listens on ``url`` between ``start`` and ``stop``.

    ``followed`` are the feeds of a live market that were already fetched, by venue.
    """

    def __init__(self, settings: SandboxSettings, followed: FeedsByVenue | None = None) -> None:
        self.settings = settings
        self.clock = make_clock(settings)
        self.venues: Venues = assemble(settings, self.clock, followed)
        self.exchange = self.venues.usdm
        self.spot = self.venues.spot
        self.incidents = Incidents(self.venues)
        self.state = StateFile(settings.state, self.venues, settings.state_every)
        self.span = self.state.resume(self.venues.span)
        self.replay = self._make_market()
        self._control = Control(self.venues, self.replay, self.incidents)
        self._tokens = Tokens(self.venues.first.credentials)
        self._gateway = self._make_gateway()
        self._sockets = web.AppRunner(self._application(), access_log=None, shutdown_timeout=STOP_S)
        lockstep = settings.clock == "lockstep"
        self._http = HttpServer(self._handle, self._socket_protocol, paced=not lockstep)
        self._tasks: list[asyncio.Task[None]] = []
        self.url = ""

    def _make_market(self) -> Replay | LiveMarket:
        """Make what moves the market: a recording, or an exchange that is followed."""
        settings = self.settings
        bounded = settings.fills == "volume"
        if settings.live:
            named = partial(upstream_of, url=settings.upstream)
            return LiveMarket(self.venues.followed(named, bounded=bounded), settings.stale_after)
        return Replay(
            self.venues.replayed(bounded=bounded, breaks=settings.gaps == "breaks"),
            self.clock,
            self.span,
            settings.seed,
            refine_ms(settings),
            self._due,
        )

    async def _due(self, market_ms: int) -> None:
        """Inject the scenario's faults whose market time has come."""
        for fault in self.venues.faults.due(market_ms):
            await self.incidents.inject(fault)

    async def _handle(self, request: ApiRequest) -> tuple[Response, str]:
        if request.path.startswith("/sandbox/"):
            return await self._control.handle(request), ""
        return await self._gateway.handle(request)

    def _socket_protocol(self) -> asyncio.Protocol:
        assert self._sockets.server is not None
        return self._sockets.server()

    def _application(self) -> web.Application:
        """Build the WebSocket routes; ``_handle`` answers everything else."""
        application = web.Application(middlewares=[_end_refused])
        router, gateway = application.router, self._gateway
        router.add_get("/sandbox/clock/ws", self._control.clock_socket)
        if isinstance(self.spot, UpbitExchange):
            upbit_sockets = UpbitSockets(self.spot, self._tokens)
            for path in ("/websocket/v1", "/websocket/v1/private"):
                router.add_get(path, upbit_sockets.handle)
            return application
        if isinstance(self.spot, KisExchange):
            kis_sockets = KisSockets(self.spot)
            for path in ("/", "/tryitout", "/tryitout/{name}"):
                router.add_get(path, kis_sockets.handle)
            return application
        roots: list[StreamMarket] = []
        if self.spot is not None:
            revived = self.settings.retired
            parse = spot_streams.parse_old_stream if revived else spot_streams.parse_stream
            roots.append(StreamMarket(self.spot, parse))
            _add_roots(router, StreamSockets([roots[-1]]), "/spot")
            ws_api = WsApi(gateway, self.spot, spot.ROUTES, spot.METHODS, self.spot.users)
            for prefix in ("", "/spot"):
                router.add_get(f"{prefix}/ws-api/v3", ws_api.handle)
        if self.exchange is not None:
            roots.append(StreamMarket(self.exchange, usdm_streams.parse_stream))
            sockets = StreamSockets([roots[-1]])
            _add_roots(router, sockets, "/usdm")
            ws_api = WsApi(gateway, self.exchange, self._usdm_routes(), usdm.METHODS)
            for prefix in ("", "/usdm"):
                _add_roots(router, sockets, prefix + "/{category:market|public|private}")
                router.add_get(f"{prefix}/ws-fapi/v1", ws_api.handle)
        _add_roots(router, StreamSockets(roots), "")
        return application

    def _make_gateway(self) -> Gateway:
        if isinstance(self.spot, UpbitExchange):
            return UpbitGateway(self.spot, upbit.ROUTES, self._tokens)
        if isinstance(self.spot, KisExchange):
            return KisGateway(self.spot, kis.ROUTES, self.spot.access)
        served: list[tuple[str, object, Routes]] = []
        if self.spot is not None:
            old = spot_retired.ROUTES if self.settings.retired else {}
            served.append(("spot", self.spot, {**spot.ROUTES, **old}))
        if self.exchange is not None:
            served.append(("usdm", self.exchange, self._usdm_routes()))
        revived = self.settings.retired
        return Gateway(served, absent.ROUTES, revived=revived)  # type: ignore[arg-type]

    def _usdm_routes(self) -> Routes:
        old = usdm_retired.ROUTES if self.settings.retired else {}
        return {**usdm.ROUTES, **old}

    async def start(self) -> str:
        """Listen, start the replay, and return the base URL."""
        await self._sockets.setup()
        try:
            self.url = await self._http.start(self.settings.host, self.settings.port)
        except OSError as error:
            await self._sockets.cleanup()
            raise SettingsError(
                f"--port {self.settings.port}: cannot listen on {self.settings.host} "
                f"({error.strerror}); choose another port, or 0 for a free one"
            ) from error
        self._record_start()
        await self.venues.publish()
        self._tasks = [
            asyncio.create_task(self._replay()),
            asyncio.create_task(self._keep_ledger()),
        ]
        return self.url

    def _record_start(self) -> None:
        settings, span = self.settings, self.span
        meta = {
            "venue": settings.venue,
            "begin": iso(span.begin),
            "end": iso(span.end),
            "clock": self.clock.name,
            "seed": str(settings.seed),
            "symbols": ",".join(self.venues.symbols),
        }
        if self.state.resumed:
            self.venues.ledger.write_event(span.begin, wall_ms(), "", "resumed", meta)
        else:
            self.venues.ledger.write_meta(meta, wall_ms())

    async def _replay(self) -> None:
        try:
            await self.replay.run()
        except Exception:
            # The status shows it and the log has the cause; clients can still query their orders.
            logging.getLogger(__name__).exception("the replay stopped")
            self.replay.failed = True
        finally:
            if isinstance(self.clock, SteppedClock):
                self.clock.finish()

    async def _keep_ledger(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self.venues.ledger.flush()
            self.state.save_if_due()

    async def stop(self) -> None:
        """Stop the market, close every connection, write the ledger."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self.venues.silence()
        await self._http.stop()
        await self._sockets.cleanup()
        await self.venues.publish()
        self.state.save()
        self.state.close()
        self.venues.ledger.close()


@web.middleware
async def _end_refused(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Close the connection of a refused WebSocket: its guard reads nothing but frames."""
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        refusal.force_close()
        raise
    if not isinstance(response, web.WebSocketResponse):
        response.force_close()
    return response


def _add_roots(router: web.UrlDispatcher, sockets: StreamSockets, prefix: str) -> None:
    """Add the stream paths `/ws` and `/stream` under ``prefix``."""
    for form in ("ws", "stream"):
        router.add_get(f"{prefix}/{{form:{form}}}", sockets.handle)
        router.add_get(f"{prefix}/{{form:{form}}}/{{tail:.+}}", sockets.handle)
