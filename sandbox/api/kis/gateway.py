"""The gateway of KIS: tokens and transactions, and refusals in its own form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api.gateway import Gateway
from sandbox.api.kis.access import Access
from sandbox.api.kis.call import KisCall, KisRoute
from sandbox.api.krw.json_body import read_body
from sandbox.api.requests import PUBLIC, ApiRequest, Route, ServedVenue
from sandbox.audit.ledger import RequestRecord
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.kis.rejections import KisError
from sandbox.faults.injection import UNAVAILABLE_TEXT, Fault, refusal_of
from sandbox.market.clock import wall_ms
from sandbox.protocol.responses import Response

# What a client sends in place of its secrets is not recorded.
SECRET = frozenset({"appsecret", "secretkey", "token"})
TOO_MANY = 429


class KisGateway(Gateway):
    """Responds to the REST requests of KIS."""

    def __init__(
        self, venue: ServedVenue, routes: Mapping[tuple[str, str], KisRoute], access: Access
    ) -> None:
        super().__init__([("kis", venue, routes)], {}, revived=False)
        self._access = access

    async def handle(self, request: ApiRequest) -> tuple[Response, str]:
        """Respond to a REST request, whose body is JSON."""
        return await super().handle(read_body(request))

    def _respond(
        self, venue: ServedVenue, route: Route | None, request: ApiRequest, refusing: Fault | None
    ) -> Response:
        headers = {"tr_id": request.fields.get("tr_id", ""), "tr_cont": ""}
        try:
            if venue.faults.closed:
                raise ExchangeError(0, UNAVAILABLE_TEXT, 503)
            if refusing is not None:
                raise refusal_of(refusing, request.address)
            if not isinstance(route, KisRoute):
                raise KisError("OPSQ0001", "없는 서비스 경로 입니다", 404)
            account = ""
            if route.security != PUBLIC:
                account = self._access.account_of(request.fields, venue.faults.exchange_ms())
                if request.fields.get("tr_id", "") not in route.transactions:
                    raise KisError("OPSQ0002", "없는 서비스 코드 입니다")
                self._access.count(request.fields["appkey"], wall_ms())
            call = venue.call(request, account)
            assert isinstance(call, KisCall)
            body = route.handler(call)
            return Response(200, body, headers | call.sent)
        except ExchangeError as error:
            return Response(*named(error), headers)

    def _record(self, venue: ServedVenue, request: ApiRequest, response: Response) -> None:
        body: Mapping[str, Any] = response.body if isinstance(response.body, dict) else {}
        refused = response.status >= 400 or body.get("rt_cd", "0") != "0"
        code = str(body.get("msg_cd", body.get("error_code", "")))
        text = str(body.get("msg1", body.get("error_description", response.body)))
        venue.ledger.write_request(
            venue.now,
            wall_ms(),
            RequestRecord(
                method=request.method,
                path=request.path,
                params={n: v for n, v in request.values.items() if n.lower() not in SECRET},
                status=response.status,
                code=-1 if refused else 0,
                message=f"{code} {text}" if refused else "",
            ),
        )


def named(error: ExchangeError) -> tuple[int, object]:
    """Return status and body of an error in the form of KIS."""
    if isinstance(error, KisError):
        return error.status, error.body()
    if error.message == UNAVAILABLE_TEXT:
        return error.status, error.message
    if error.status == TOO_MANY:
        return 500, KisError("EGW00201", "초당 거래건수를 초과하였습니다.").body()
    return error.status, KisError(str(abs(error.code)), error.message).body()
