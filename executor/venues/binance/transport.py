"""Signed requests to Binance through ccxt's raw endpoints.

It uses ccxt's transport, signing (but for orders: see `signing`) and endpoint table, not its order
model, limiter or error classes.
Everything that this module raises is a `VenueFaultError`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from executor.venues.binance.error_codes import classify
from executor.venues.binance.masking import masked
from executor.venues.binance.readable import readable
from executor.venues.binance.signing import ORDER_ENDPOINTS, OrderSigner, can_sign
from executor.venues.faults import (
    Banned,
    ClockDrift,
    OutcomeUnknown,
    RateLimited,
    VenueFaultError,
)
from executor.venues.interface import ConnectionSettings

log = logging.getLogger(__name__)

URGENT_A_BLOCK = 3
"""Requests that protect or close, and are sent in spite of a rate limit: the exchange bans an
address only after many more, and a naked position is the greater danger."""
RESERVE = 0.8
"""Share of the weight that history may use; the rest is for closes and cancels."""


class _ErrorAnswerError(Exception):
    """An answer with an error, before it is classified."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class BinanceTransport:
    """One account at one venue of Binance.

    Args:
        client: ccxt's class of the venue.
        settings: base URLs and time-outs.
        key: API key and its secret.
        time_endpoint: ccxt's name of the request for the server's time.
        account_url: the host that shows the key's permissions; None where there is none.
        weight_a_minute: request weight that the venue allows.
    """

    def __init__(
        self,
        client: type[Any],
        settings: ConnectionSettings,
        key: tuple[str, str],
        *,
        time_endpoint: str,
        account_url: str | None,
        weight_a_minute: int,
    ) -> None:
        self._blocked_until = 0.0
        self._banned = False
        self._urgent_left = URGENT_A_BLOCK
        self.used_weight = 0
        self._weighed_at = 0.0
        self._weight_a_minute = weight_a_minute
        self._time_endpoint = time_endpoint
        self._ccxt = client(
            {
                "apiKey": key[0],
                "secret": key[1],
                "enableRateLimit": False,
                "timeout": settings.request_timeout_ms,
                "options": {"recvWindow": settings.recv_window_ms},
            }
        )
        self._signer = OrderSigner(self._ccxt, key[1]) if can_sign(key[1]) else None
        self.account_url = account_url
        urls = _rewritten(self._ccxt.urls["api"], settings.rest_url)
        if account_url is not None:
            # Another host than the venue's may show the key's permissions.
            urls["sapi"] = f"{account_url}/sapi/v1"
        self._ccxt.urls["api"] = urls
        # The hook sees status, headers and body before ccxt makes an exception of them.
        self._ccxt.handle_errors = self._on_answer

    def _on_answer(
        self,
        status: int,
        _reason: str,
        _url: str,
        _method: str,
        headers: Mapping[str, str],
        *rest: Any,
    ) -> None:
        body, answer = rest[:2]
        weight = headers.get("X-MBX-USED-WEIGHT-1M") or headers.get("x-mbx-used-weight-1m")
        if weight is not None and weight.isdigit():
            self.used_weight = int(weight)
            self._weighed_at = time.monotonic()
        code = answer.get("code") if isinstance(answer, dict) else None
        if status >= 400 or (isinstance(code, int) and code < 0):
            raise _ErrorAnswerError(status, headers, body)

    async def call(self, endpoint: str, /, **params: Any) -> Any:
        """Send once (twice after a clock error); raises `VenueFaultError` and nothing else."""
        return await self._twice(endpoint, params, urgent=False)

    async def call_urgently(self, endpoint: str, /, **params: Any) -> Any:
        """Like `call`, but a few times in spite of a rate limit; never in spite of a ban."""
        return await self._twice(endpoint, params, urgent=True)

    async def _twice(self, endpoint: str, params: dict[str, Any], *, urgent: bool) -> Any:
        try:
            return await self._send(endpoint, params, urgent=urgent)
        except ClockDrift:
            await self.measure_offset()
        return await self._send(endpoint, params, urgent=urgent)

    def _passes(self, *, urgent: bool) -> bool:
        """Whether a request may go out during a block."""
        if not urgent or self._banned or self._urgent_left <= 0:
            return False
        self._urgent_left -= 1
        return True

    async def _send(self, endpoint: str, params: dict[str, Any], *, urgent: bool = False) -> Any:
        wait = self._blocked_until - time.monotonic()
        if wait > 0 and not self._passes(urgent=urgent):
            kind = Banned if self._banned else RateLimited
            raise kind(f"{endpoint}: not sent, blocked for {wait:.1f} s", wait)
        try:
            answer = await self._request(endpoint, params)
        except _ErrorAnswerError as error:
            raise self._fault(error) from error
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Whatever else ccxt or aiohttp raise, the request may have reached the exchange.
            raise OutcomeUnknown(masked(f"{endpoint}: {type(error).__name__}: {error}")) from error
        if not isinstance(answer, dict | list):
            raise OutcomeUnknown(f"{endpoint}: the answer is not JSON")
        return answer

    async def _request(self, endpoint: str, params: dict[str, Any]) -> Any:
        if self._signer is None or endpoint not in ORDER_ENDPOINTS:
            return await getattr(self._ccxt, endpoint)(params)
        signed = self._signer.sign(endpoint, params)
        return await self._ccxt.fetch(signed.url, "POST", signed.headers, signed.body)

    def _fault(self, error: _ErrorAnswerError) -> VenueFaultError:
        fault = classify(error.status, error.headers, error.body)
        if isinstance(fault, RateLimited):
            self._banned = isinstance(fault, Banned)
            if self._blocked_until < time.monotonic():
                self._urgent_left = URGENT_A_BLOCK
            # Requests in flight may get a shorter wait: the longest counts.
            until = time.monotonic() + fault.retry_after_s
            self._blocked_until = max(self._blocked_until, until)
        return fault

    @readable
    async def measure_offset(self) -> None:
        """Compare the exchange's clock with the local one."""
        before = time.time()
        answer = await self._send(self._time_endpoint, {})
        middle = (before + time.time()) / 2 * 1000
        self._ccxt.options["timeDifference"] = round(middle - int(answer["serverTime"]))

    @property
    def offset_ms(self) -> int:
        """Exchange time minus local time."""
        return -int(self._ccxt.options.get("timeDifference") or 0)

    async def wait_for_weight(self) -> None:
        """Wait for the next minute when history would use up the weight for closes."""
        if self.used_weight < RESERVE * self._weight_a_minute:
            return
        into = (time.time() + self.offset_ms / 1000) % 60
        if time.monotonic() - self._weighed_at <= into:
            log.warning("weight %d used: history waits %.0f s", self.used_weight, 60 - into)
            await asyncio.sleep(60 - into)
        self.used_weight = 0

    async def close(self) -> None:
        """Release the connections."""
        await self._ccxt.close()


def _rewritten(urls: Any, base: str) -> Any:
    """Move every URL of ccxt's table to ``base``, with its path."""
    if isinstance(urls, dict):
        return {name: _rewritten(value, base) for name, value in urls.items()}
    if isinstance(urls, str) and urls.startswith("http"):
        path = urls.split("/", 3)[3:]
        return f"{base}/{path[0]}" if path else base
    return urls
