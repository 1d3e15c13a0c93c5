"""Calls of the Open API: headers, the token, the pace, and the service's error codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from flows.sources.http import RETRIED, Host, HttpLimits, SourceError
from flows.sources.kis.token import KisCredentials, TokenFile, lifetime

VIRTUAL_URL = "https://openapivts.koreainvestment.com:29443"
REAL_URL = "https://openapi.koreainvestment.com:9443"
PACE_S = {VIRTUAL_URL: 0.5, REAL_URL: 0.05}
"""Seconds between two calls: the host for virtual trading takes two a second."""
_TOKEN_REFUSED = ("EGW00121", "EGW00123")
_TOO_MANY = "EGW00201"


class KisClient:
    """The quotations of one account, one call at a time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        credentials: KisCredentials,
        folder: Path,
        limits: HttpLimits,
    ) -> None:
        self.url = base_url.rstrip("/")
        self.host = Host(self.url, replace(limits, parallel=1), pace_s=PACE_S.get(self.url, 0.0))
        self._session = session
        self._credentials = credentials
        self._tokens = TokenFile(folder, self.url, credentials)

    @property
    def virtual(self) -> bool:
        """Whether this is the host for virtual trading, which has no minutes of past days."""
        return self.url == VIRTUAL_URL

    async def get(self, path: str, tr_id: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer of ``path``; raises `SourceError` with the service's code and text."""
        failure, limits = "", self.host.limits
        for attempt in range(limits.attempts):
            token = await self._tokens.token(self._issue)
            headers = {
                "authorization": f"Bearer {token}",
                "appkey": self._credentials.key,
                "appsecret": self._credentials.secret,
                "tr_id": tr_id,
                "custtype": "P",
            }
            try:
                status, answer = await self._call("GET", path, headers=headers, params=query)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                failure = str(error) or "no answer in time"
            else:
                code = str(answer.get("msg_cd", ""))
                if status == 200 and answer.get("rt_cd") == "0":
                    return answer
                failure = f"HTTP {status}, {code}: {answer.get('msg1', '').strip()}"
                if code in _TOKEN_REFUSED:
                    self._tokens.forget()
                elif code != _TOO_MANY and status not in (429, *RETRIED):
                    raise SourceError(f"{self.url}{path}: {failure}")
            await self.host.back_off(attempt)
        raise SourceError(f"{self.url}{path}: {failure}, after {limits.attempts} attempts")

    async def _issue(self) -> tuple[str, float]:
        body = {
            "grant_type": "client_credentials",
            "appkey": self._credentials.key,
            "appsecret": self._credentials.secret,
        }
        try:
            status, answer = await self._call("POST", "/oauth2/tokenP", json=body)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise SourceError(f"{self.url}: no token ({error or 'no answer in time'})") from error
        if status != 200:
            code, text = answer.get("error_code", ""), answer.get("error_description", "")
            raise SourceError(f"{self.url}: no token (HTTP {status}, {code}: {text})")
        return lifetime(answer)

    async def _call(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        async with (
            self.host,
            self._session.request(method, f"{self.url}{path}", **options) as response,
        ):
            self.host.heard(response.status, response.headers)
            try:
                answer = await response.json(content_type=None)
            except ValueError:
                answer = None
            if isinstance(answer, dict):
                return response.status, answer
            return response.status, {"msg1": "an answer that is no JSON object"}
