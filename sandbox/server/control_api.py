"""The sandbox's own calls under `/sandbox`, which no exchange has: status, clock, faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from aiohttp import web

from sandbox.api.requests import ApiRequest
from sandbox.api.venues import Venues
from sandbox.engines.common.money import plain
from sandbox.engines.spot.model import SpotAccount
from sandbox.engines.usdm.model import BOTH, UsdmAccount, UsdmPosition
from sandbox.faults.incidents import Incidents
from sandbox.live.market import LiveMarket
from sandbox.market.clock import LockstepMarketClock, MarketClock, SteppedClock, wall_ms
from sandbox.market.replay import Replay
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.responses import Response
from sandbox.server.settings import iso
from trading.candles import MINUTE_MS
from trading.errors import SettingsError


class ControlError(Exception):
    """A command that cannot be carried out, with the reason and an HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Control:
    """Handlers of the control calls."""

    def __init__(self, venues: Venues, replay: Replay | LiveMarket, incidents: Incidents) -> None:
        self._venues = venues
        self._exchange = venues.first
        self._replay = replay
        self._incidents = incidents
        self._stepped_to = 0
        self._handlers: dict[tuple[str, str], Callable[[ApiRequest], Awaitable[Response]]] = {
            ("GET", "/sandbox/status"): self.status,
            ("POST", "/sandbox/clock/register"): self.register,
            ("POST", "/sandbox/clock/ack"): self.acknowledge,
            ("POST", "/sandbox/clock/deregister"): self.deregister,
            ("POST", "/sandbox/clock/step"): self.step,
            ("GET", "/sandbox/fault"): self.list_faults,
            ("POST", "/sandbox/fault"): self.add_fault,
            ("DELETE", "/sandbox/fault"): self.clear_faults,
            ("POST", "/sandbox/keys"): self.add_key,
            ("DELETE", "/sandbox/keys"): self.revoke_key,
        }

    async def handle(self, request: ApiRequest) -> Response:
        """Handle a call of one request and one response."""
        handler = self._handlers.get((request.method, request.path))
        if handler is None:
            return Response(404, f"{request.method} {request.path} is not served", {})
        try:
            return await handler(request)
        except ControlError as error:
            return Response(error.status, str(error), {})

    async def status(self, request: ApiRequest) -> Response:
        """Return the state of the replay."""
        del request
        venues, replay = self._venues, self._replay
        shown = {
            "market_time": replay.now,
            "market_time_iso": iso(replay.now),
            "finished": replay.finished,
            "failed": replay.failed,
            "steps": replay.steps,
            **_clock_state(venues.first.clock),
            "requests": sum(venue.requests for venue in venues.all),
            "messages": sum(venue.hub.messages for venue in venues.all),
            "connections": sum(len(venue.hub.connections) for venue in venues.all),
            "faults_struck": venues.faults.injected,
            "symbols": venues.symbols,
        }
        if isinstance(replay, LiveMarket):
            shown |= {"live": True, "stale": replay.stale, "outages": replay.outages}
        if venues.usdm is not None:
            accounts = venues.usdm.engine.core.accounts.values()
            shown["accounts"] = {account.name: _account(account) for account in accounts}
        if venues.spot is not None:
            held = venues.spot.engine.core.accounts.values()
            shown["spot_accounts"] = {account.name: _spot_account(account) for account in held}
        return _answer(shown)

    def _lockstep(self) -> LockstepMarketClock:
        clock = self._exchange.clock
        if not isinstance(clock, LockstepMarketClock):
            text = f"the clock is {clock.name}; only lockstep has steppers"
            raise ControlError(409, text)
        return clock

    async def register(self, request: ApiRequest) -> Response:
        """Register a stepper."""
        del request
        clock = self._lockstep()
        return _answer({"stepper": clock.register(), "time": self._replay.now})

    async def acknowledge(self, request: ApiRequest) -> Response:
        """Acknowledge all messages up to a market time."""
        body = _body(request)
        known = self._acknowledge(body)
        return _answer({"registered": known}, status=200 if known else 409)

    def _acknowledge(self, body: dict[str, Any]) -> bool:
        stepper, time = body.get("stepper"), body.get("time")
        if not isinstance(stepper, str) or not isinstance(time, int):
            raise ControlError(400, "an acknowledgement is {stepper: text, time: ms}")
        return self._lockstep().acknowledge(stepper, time)

    async def deregister(self, request: ApiRequest) -> Response:
        """Deregister a stepper."""
        body = _body(request)
        return _answer({"registered": self._lockstep().deregister(str(body.get("stepper")))})

    async def step(self, request: ApiRequest) -> Response:
        """Move a stepped market by ``minutes``, or up to ``until`` (market ms)."""
        clock = self._exchange.clock
        if not isinstance(clock, SteppedClock):
            text = f"the clock is {clock.name}; only stepped moves by command"
            raise ControlError(409, text)
        body = _body(request)
        minutes, until = body.get("minutes", 1), body.get("until")
        wanted = until if until is not None else minutes
        if type(wanted) is not int or wanted < 1:
            raise ControlError(400, "a step is {minutes: 1 or more} or {until: market ms}")
        self._stepped_to = (
            until
            if until is not None
            else max(self._stepped_to, self._replay.now) + minutes * MINUTE_MS
        )
        await clock.advance(self._stepped_to)
        for venue in self._venues.all:
            await venue.flush()
        return _answer({"time": self._replay.now, "finished": self._replay.finished})

    async def clock_socket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one stepper over a socket; it stays registered while the socket is open.

        Each text from the client is a market time (ms) up to which it has handled everything, or
        ``{"time": ms, "watch": {symbol: [price, ...]}}`` with prices that it waits for. With
        ``?announce=1`` the server sends each step's time once all its messages have left.
        """
        try:
            clock = self._lockstep()
        except ControlError as error:
            raise web.HTTPConflict(text=str(error)) from error
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        announced: asyncio.Queue[int] = asyncio.Queue()
        announcing = request.query.get("announce") == "1"
        forget = clock.listen(announced.put_nowait) if announcing else None
        stepper = clock.register()
        await socket.send_json({"stepper": stepper, "time": self._replay.now})
        announcer = asyncio.create_task(_announce(socket, announced))
        try:
            async for message in socket:
                if message.type is not web.WSMsgType.TEXT:
                    continue
                seen = _acknowledged(message.data)
                if seen and not clock.acknowledge(stepper, *seen):
                    # It was given up for its silence, and it is back: the market waits for it.
                    stepper = clock.register()
                    clock.acknowledge(stepper, *seen)
        finally:
            if forget is not None:
                forget()
            clock.deregister(stepper)
            announcer.cancel()
        return socket

    async def list_faults(self, request: ApiRequest) -> Response:
        """List the waiting faults."""
        del request
        waiting = self._exchange.faults.waiting
        return _answer([{"kind": f.kind, "count": f.count, "path": f.path} for f in waiting])

    async def add_fault(self, request: ApiRequest) -> Response:
        """Inject a fault; incidents and stream faults happen at once."""
        body = _body(request)
        exchange = self._exchange
        exchange.ledger.write_event(exchange.now, wall_ms(), "", "fault_ordered", body)
        try:
            fault = exchange.faults.add(body)
            if fault not in exchange.faults.waiting:
                await self._incidents.inject(fault)
        except SettingsError as error:
            return _answer({"error": str(error)}, status=400)
        return _answer({"kind": fault.kind, "count": fault.count})

    async def add_key(self, request: ApiRequest) -> Response:
        """Make another key of an account: ``{account, key, secret}``."""
        body = _body(request)
        try:
            made = Credentials(str(body["key"]), str(body["secret"]), str(body["account"]))
        except KeyError as error:
            raise ControlError(
                400, f"a key is {{account, key, secret}}; {error} is missing"
            ) from None
        # The account stays when its last key has gone.
        if any(made.account not in venue.engine.core.accounts for venue in self._venues.all):
            raise ControlError(404, f"there is no account {made.account!r}")
        self._exchange.credentials[made.key] = made  # one table for all venues and their tokens
        return _answer({"keys": sorted(self._exchange.credentials)})

    async def revoke_key(self, request: ApiRequest) -> Response:
        """Refuse a key from now on: ``{key}``."""
        key = str(_body(request).get("key", ""))
        if key not in self._exchange.credentials:
            raise ControlError(404, f"there is no key {key!r}")
        del self._exchange.credentials[key]
        return _answer({"keys": sorted(self._exchange.credentials)})

    async def clear_faults(self, request: ApiRequest) -> Response:
        """Forget the waiting faults."""
        del request
        self._exchange.faults.clear()
        return _answer({})


def _account(account: UsdmAccount) -> dict[str, Any]:
    positions = account.positions.values()
    return {
        "wallet": plain(account.wallet),
        "orders": len(account.orders),
        "open_orders": len(account.open_orders),
        "open_algo_orders": len(account.open_algos),
        "fills": len(account.fills),
        "positions": {_position_name(p): plain(p.amount) for p in positions if p.amount},
    }


def _position_name(position: UsdmPosition) -> str:
    return position.symbol if position.side == BOTH else f"{position.symbol} {position.side}"


def _spot_account(account: SpotAccount) -> dict[str, Any]:
    return {
        "balances": {asset: plain(amount) for asset, amount in account.totals.items() if amount},
        "orders": len(account.orders),
        "open_orders": len(account.open_orders),
        "fills": len(account.fills),
    }


def _clock_state(clock: MarketClock) -> dict[str, Any]:
    if not isinstance(clock, LockstepMarketClock):
        return {"clock": clock.name, "timeouts": 0, "steppers": {}, "waiting": False}
    return {
        "clock": clock.name,
        "timeouts": clock.timeouts,
        "steppers": clock.steppers,
        "waiting": not (clock.steppers and clock.audience),
    }


async def _announce(socket: web.WebSocketResponse, announced: asyncio.Queue[int]) -> None:
    while True:
        await socket.send_json({"time": await announced.get()})


def _acknowledged(text: str) -> tuple[int, dict[str, list[Decimal]]] | None:
    """Read market time and watched prices of an acknowledgement; None for any other text."""
    try:
        document = orjson.loads(text)
        if isinstance(document, int):
            return document, {}
        watch = document.get("watch", {})
        return int(document["time"]), {
            symbol: [Decimal(str(price)) for price in prices] for symbol, prices in watch.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
        return None


def _body(request: ApiRequest) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body or "{}")
    except ValueError as error:
        raise ControlError(400, f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ControlError(400, "expected a JSON object")
    return body


def _answer(body: Any, status: int = 200) -> Response:
    return Response(status, body, {})
