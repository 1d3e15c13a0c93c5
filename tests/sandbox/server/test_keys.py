"""Keys of an account that are made and revoked while the sandbox runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
ACCOUNT = "/fapi/v3/account"


async def keys(
    session: aiohttp.ClientSession, server: SandboxServer, method: str, **body: Any
) -> int:
    url = f"{server.url}/sandbox/keys"
    async with session.request(method, url, json=body) as answer:
        return answer.status


async def test_the_last_key_of_an_account_is_replaced_after_it_leaked(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        rest = RestClient(session, server.url)
        (known,) = server.venues.first.credentials.values()
        assert (await rest.signed("GET", ACCOUNT))[0] == 200
        assert await keys(session, server, "DELETE", key="sandbox") == 200
        status, body = await rest.signed("GET", ACCOUNT)
        assert (status, body["code"]) == (401, -2015)
        made = {"key": "sandbox", "secret": "another"}
        assert await keys(session, server, "POST", **made, account="nobody") == 404
        assert await keys(session, server, "POST", **made, account=known.account) == 200
        assert (await rest.signed("GET", ACCOUNT))[1]["code"] == -1022
        again = RestClient(session, server.url, secret="another")
        assert (await again.signed("GET", ACCOUNT))[0] == 200


async def test_what_is_no_key_is_refused(serving: Serving) -> None:
    async with serving() as server, aiohttp.ClientSession() as session:
        assert await keys(session, server, "DELETE", key={"a": 1}) == 404
        assert await keys(session, server, "POST", key="a") == 400
