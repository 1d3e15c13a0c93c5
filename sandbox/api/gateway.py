"""The gateway of both venues: it checks, handles, records and injects faults into every request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import orjson

from sandbox.api.requests import COMMON, PUBLIC, REPEATED, SIGNED, ApiRequest, Route, ServedVenue
from sandbox.api.wire.http_server import CUT, GARBLED, TRICKLED
from sandbox.audit.ledger import RequestRecord
from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.faults.injection import (
    ALTERING,
    CUTTING,
    DELAYING,
    HOLDING,
    REFUSING,
    REPEATING,
    SILENCING,
    UNAVAILABLE_TEXT,
    Fault,
    altered,
    refusal_of,
    silence_of,
)
from sandbox.market.clock import wall_ms
from sandbox.protocol import retired
from sandbox.protocol.rate_limits import RetryLaterError
from sandbox.protocol.responses import Response
from sandbox.protocol.signing import check_time
from sandbox.protocol.time_unit import in_microseconds, wants_microseconds

Routes = Mapping[tuple[str, str], Route]
Table = dict[tuple[str, str], tuple[ServedVenue, Route]]
CLIENT_IDS = ("newClientOrderId", "clientAlgoId", "aboveClientOrderId", "belowClientOrderId")
NO_PATH = {"code": -5000}
NO_RESPONSE = Response(500, "", {})
SPOILING = dict.fromkeys(CUTTING, CUT) | {
    "garble_response": GARBLED,
    "trickle_response": TRICKLED,
}


class Gateway:
    """Responds to the REST and WebSocket requests of all venues.

    A path that starts with the name of a venue is answered by that venue alone. What no venue
    serves is looked up in ``absent``.
    """

    def __init__(
        self, venues: list[tuple[str, ServedVenue, Routes]], absent: Routes, *, revived: bool
    ) -> None:
        self._table: Table = {}
        self._tables: dict[str, Table] = {}
        for name, venue, routes in reversed(venues):
            served = {key: (venue, route) for key, route in routes.items()}
            self._table |= served
            self._tables[name] = {key: (venue, route) for key, route in absent.items()} | served
        self._first = venues[0][1]
        self._table = {key: (self._first, route) for key, route in absent.items()} | self._table
        self._revived = revived

    async def handle(self, request: ApiRequest) -> tuple[Response, str]:
        """Respond to a REST request; also return how a fault spoils the response, if one does."""
        found = self._find(request)
        if self._first.faults.silent:
            return NO_RESPONSE, CUT
        venue, route = found if found else (self._first, None)
        response, injected = await self.respond(venue, route, request)
        if venue.microseconds and wants_microseconds(request.fields) and response.status == 200:
            body = in_microseconds(orjson.loads(response.raw))
            response = replace(response, body=body)
        return response, SPOILING.get(injected, "")

    def _find(self, request: ApiRequest) -> tuple[ServedVenue, Route] | None:
        table, path = self._table, request.path
        found = table.get((request.method, path))
        if found is None:
            name, _, rest = path[1:].partition("/")
            if name in self._tables:
                table, path = self._tables[name], f"/{rest}"
                found = table.get((request.method, path))
        if found is None and self._revived:
            found = table.get((request.method, retired.successor(path)))
        return found

    async def respond(
        self, venue: ServedVenue, route: Route | None, request: ApiRequest
    ) -> tuple[Response, str]:
        """Respond to a request; also return the kind of the fault that struck it, if one did."""
        venue.requests += 1
        faults, where = venue.faults, (request.method, request.path, _client_id(request))
        if not faults.waiting:
            response = self._respond(venue, route, request, None)
            self._record(venue, request, response)
            await venue.publish()
            return response, ""
        holding = faults.take(HOLDING, *where)
        if holding is not None:
            await asyncio.sleep(holding.seconds)
        refusing = faults.take(REFUSING, *where, sheltered=_sheltered(request))
        silencing = faults.take(SILENCING, *where) if refusing is None else None
        delaying = faults.take(DELAYING, *where)
        repeating = faults.take(REPEATING, *where) if refusing is None else None
        altering = faults.take(ALTERING, *where)
        for _ in range(1 if repeating is None else 2):
            response = self._respond(venue, route, request, refusing)
            self._record(venue, request, response)
            await venue.publish()
        if delaying is not None:
            await asyncio.sleep(delaying.seconds)
        if altering is not None and not isinstance(response.body, str):
            body = orjson.loads(altered(response.raw, altering))
            response = replace(response, body=body)
        injected = silencing or refusing
        if injected is None:
            return response, ""
        detail = {"kind": injected.kind, "path": request.path}
        venue.ledger.write_event(venue.now, wall_ms(), "", "fault", detail)
        return (silence_of(silencing, response) if silencing else response), injected.kind

    def _respond(
        self, venue: ServedVenue, route: Route | None, request: ApiRequest, refusing: Fault | None
    ) -> Response:
        headers: dict[str, str] = {}
        try:
            if venue.faults.closed:
                raise ExchangeError(0, UNAVAILABLE_TEXT, 503)
            if refusing is not None:
                raise refusal_of(refusing, request.address)
            if route is None:
                return self._not_served(request)
            cost = route.cost(request.values)
            headers |= venue.limits.charge(request.address, cost, wall_ms())
            account = authorise(venue, request, route)
            if venue.strict:
                check_known(route, request)
            if route.order and account:
                headers |= venue.limits.count_order(account, wall_ms())
            return Response(200, route.handler(venue.call(request, account)), headers)
        except RetryLaterError as error:
            headers["Retry-After"] = str(error.retry_after)
            return Response(error.status, error.body(), headers)
        except ExchangeError as error:
            text = error.message == UNAVAILABLE_TEXT
            return Response(error.status, error.message if text else error.body(), headers)

    def _not_served(self, request: ApiRequest) -> Response:
        text = retired.refusal(request.path)
        if text:
            return Response(410, {"code": -1, "msg": text}, {})
        return Response(404, NO_PATH | {"msg": f"Path {request.path} is not served."}, {})

    def _record(self, venue: ServedVenue, request: ApiRequest, response: Response) -> None:
        refused = isinstance(response.body, dict) and response.status >= 400
        venue.ledger.write_request(
            venue.now,
            wall_ms(),
            RequestRecord(
                method=request.method,
                path=request.path,
                params=request.values,
                status=response.status,
                code=int(response.body.get("code", -1)) if refused else 0,
                message=str(response.body.get("msg", response.body)) if refused else "",
            ),
        )


def _client_id(request: ApiRequest) -> str:
    """The client's own id of the order that a request places; of a pair, both."""
    values = request.values
    return " ".join(values[name] for name in CLIENT_IDS if name in values)


def _sheltered(request: ApiRequest) -> bool:
    values = request.values
    closing = values.get("reduceOnly") == "true" or values.get("closePosition") == "true"
    return request.method == "DELETE" or closing


def authorise(venue: ServedVenue, request: ApiRequest, route: Route) -> str:
    """Return the account that may make this request, empty for a public one; raise if none may."""
    if route.security == PUBLIC:
        return ""
    if request.session:
        return request.session
    if not request.key:
        raise error_codes.BAD_KEY_FORMAT()
    credentials = venue.credentials.get(request.key)
    if credentials is None:
        raise error_codes.BAD_KEY()
    if route.security == SIGNED:
        signature = request.values.get("signature")
        if not signature:
            raise error_codes.MISSING("signature")
        if not credentials.verifies(request.payload, signature):
            raise error_codes.BAD_SIGNATURE()
        now = venue.faults.exchange_ms()
        check_time(request.values, now, microseconds=venue.microseconds)
    return credentials.account


def check_known(route: Route, request: ApiRequest) -> None:
    """Refuse parameters that are unknown (−1104), repeated (−1101) or empty (−1105)."""
    if route.known is None:
        return
    values, known = request.values, route.known
    unread = [name for name in values if name not in known and name not in COMMON]
    if unread:
        raise error_codes.TOO_MANY_PARAMETERS(len(values) - len(unread), len(values))
    for name in request.repeated:
        if name not in REPEATED:
            raise error_codes.DUPLICATE_PARAMETER(name)
    for name, value in values.items():
        if not value and name in known:
            raise error_codes.EMPTY(name)
