"""The HTTP door: limits, keys, signatures, faults, then the handler, then the record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from sandbox import errors
from sandbox.clock import wall_ms
from sandbox.engine.model import Account
from sandbox.errors import ExchangeError
from sandbox.faults import (
    DELAYING,
    REFUSING,
    SILENCING,
    UNAVAILABLE_TEXT,
    UNKNOWN_TEXT,
    Fault,
    refusal_of,
)
from sandbox.limits import RetryLaterError
from sandbox.signing import check_signature, check_time
from sandbox.usdm import rest_account, rest_market, rest_orders
from sandbox.usdm.call import PUBLIC, SIGNED, Call, Route
from sandbox.usdm.exchange import Exchange
from sandbox.usdm.params import Params

ROUTES: dict[tuple[str, str], Route] = {
    **rest_market.ROUTES,
    **rest_account.ROUTES,
    **rest_orders.ROUTES,
}


@dataclass(frozen=True, slots=True)
class Request:
    """The raw parts of a request that signatures and limits need."""

    method: str
    path: str
    query: str
    body: str
    key: str
    address: str

    @property
    def values(self) -> dict[str, str]:
        """Query and body parameters together, whatever the method."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return dict(pairs + parse_qsl(self.body, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body (or plain text) and headers."""

    status: int
    body: Any
    headers: dict[str, str]

    def response(self) -> web.Response:
        """As HTTP."""
        if isinstance(self.body, str):
            return web.Response(status=self.status, text=self.body, headers=self.headers)
        return web.Response(
            status=self.status,
            body=orjson.dumps(self.body),
            content_type="application/json",
            headers=self.headers,
        )


class Gateway:
    """Answers the exchange's REST calls."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one HTTP request of a client."""
        raw_path, _, query = http.raw_path.partition("?")
        body = (await http.read()).decode(errors="replace")
        key = http.headers.get("X-MBX-APIKEY", "")
        request = Request(http.method, raw_path, query, body, key, http.remote or "")
        exchange = self._exchange
        exchange.requests += 1
        fault = exchange.faults.take(DELAYING, request.method, request.path)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        refusing = exchange.faults.take(REFUSING, request.method, request.path)
        silencing = None
        if refusing is None:
            silencing = exchange.faults.take(SILENCING, request.method, request.path)
        answer = self._answer(request, refusing)
        self._record(request, answer)
        await exchange.publish()
        struck = silencing or refusing
        if struck is not None:
            exchange.ledger.write_event(
                exchange.now, wall_ms(), "", "fault", {"kind": struck.kind, "path": request.path}
            )
            if struck.kind in ("drop_request", "drop_response"):
                if http.transport is not None:
                    http.transport.abort()
                return web.Response(status=500)
        return (_silence(silencing) if silencing else answer).response()

    def _answer(self, request: Request, refusing: Fault | None) -> Answer:
        headers: dict[str, str] = {}
        try:
            if refusing is not None:
                raise refusal_of(refusing, request.address)
            route = ROUTES.get((request.method, request.path))
            if route is None:
                return Answer(
                    404, {"code": -5000, "msg": f"Path {request.path} is not served."}, {}
                )
            exchange = self._exchange
            headers |= exchange.limits.charge(
                request.address, route.cost(request.values), wall_ms()
            )
            account = self._authorise(request, route)
            if route.order and account is not None:
                headers |= exchange.limits.count_order(account.name, wall_ms())
            return Answer(
                200, route.handler(Call(exchange, Params(request.values), account)), headers
            )
        except RetryLaterError as refusal:
            headers["Retry-After"] = str(refusal.retry_after)
            return Answer(refusal.status, refusal.body(), headers)
        except ExchangeError as refusal:
            text = refusal.message == UNAVAILABLE_TEXT
            return Answer(refusal.status, refusal.message if text else refusal.body(), headers)

    def _authorise(self, request: Request, route: Route) -> Account | None:
        if route.security == PUBLIC:
            return None
        if not request.key:
            raise errors.BAD_KEY_FORMAT()
        credentials = self._exchange.credentials.get(request.key)
        if credentials is None:
            raise errors.BAD_KEY()
        if route.security == SIGNED:
            values = request.values
            check_signature(
                credentials.secret, request.query, request.body, values.get("signature")
            )
            check_time(values, wall_ms())
        return credentials.account

    def _record(self, request: Request, answer: Answer) -> None:
        refused = isinstance(answer.body, dict) and answer.status >= 400
        self._exchange.ledger.write_request(
            self._exchange.now,
            wall_ms(),
            request.method,
            request.path,
            request.values,
            answer.status,
            int(answer.body["code"]) if refused else 0,
            str(answer.body["msg"]) if refused else "",
        )


def _silence(fault: Fault) -> Answer:
    if fault.kind == "timeout_1007":
        body = {
            "code": -1007,
            "msg": "Timeout waiting for response from backend server. "
            "Send status unknown; execution status unknown.",
        }
        return Answer(408, body, {})
    return Answer(503, {"code": -1000, "msg": UNKNOWN_TEXT}, {})
