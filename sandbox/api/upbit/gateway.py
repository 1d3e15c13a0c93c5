"""The gateway of Upbit: tokens instead of signatures, groups instead of weights, named errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api.gateway import Gateway
from sandbox.api.krw.json_body import has_json_body, read_body
from sandbox.api.requests import PUBLIC, ApiRequest, Route, ServedVenue
from sandbox.api.upbit.access import RateGroups, Tokens
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.upbit.engine import UpbitError
from sandbox.faults.injection import UNAVAILABLE_TEXT, Fault, refusal_of
from sandbox.market.clock import wall_ms
from sandbox.protocol.responses import Response

Grouped = Mapping[tuple[str, str], tuple[str, Route]]


class UpbitGateway(Gateway):
    """Responds to the REST requests of Upbit."""

    def __init__(self, venue: ServedVenue, routes: Grouped, tokens: Tokens) -> None:
        plain = {key: route for key, (_, route) in routes.items()}
        super().__init__([("upbit", venue, plain)], {}, revived=False)
        self._groups = {key: group for key, (group, _) in routes.items()}
        self._tokens = tokens
        self._rates = RateGroups(counting=venue.limits.counting)

    async def handle(self, request: ApiRequest) -> tuple[Response, str]:
        """Respond to a REST request, whose body may be JSON or a form."""
        return await super().handle(read_body(request))

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
                raise UpbitError("not_found", f"{request.path} is not served.", 404)
            account = ""
            if route.security != PUBLIC:
                header = request.fields.get("authorization", "")
                account = self._tokens.account_of(header, _queries(request))
            group = self._groups[request.method, request.path.removeprefix("/upbit")]
            headers |= self._rates.charge(group, account or request.address, wall_ms())
            body = route.handler(venue.call(request, account))
            return Response(201 if request.method == "POST" else 200, body, headers)
        except ExchangeError as error:
            return Response(error.status, named(error), headers)


def named(error: ExchangeError) -> dict[str, Any]:
    """Return an error's body in Upbit's form."""
    if isinstance(error, UpbitError):
        return error.body()
    return {"error": {"name": str(abs(error.code) or error.status), "message": error.message}}


def _queries(request: ApiRequest) -> list[str]:
    """Return the texts that a client may have hashed: the query, or the body as a query."""
    if has_json_body(request):
        return ["&".join(f"{name}={value}" for name, value in request.values.items())]
    return [request.payload]
