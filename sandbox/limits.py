"""Request weights and order counts per wall-clock window, with their headers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sandbox import errors
from sandbox.errors import ExchangeError

MINUTE_MS = 60_000
ORDERS_10S, ORDERS_1M = 300, 1_200
BAN_AFTER, BAN_MS = 100, 120_000


@dataclass(slots=True)
class Window:
    """A counter that starts again with each window of wall time."""

    size_ms: int
    start: int = 0
    used: int = 0

    def add(self, amount: int, now_ms: int) -> int:
        """Count ``amount``; the new total of the running window."""
        start = now_ms // self.size_ms * self.size_ms
        if start != self.start:
            self.start, self.used = start, 0
        self.used += amount
        return self.used


@dataclass(slots=True)
class Limits:
    """Weight per address and minute; orders per account in 10 s and in a minute."""

    weight_limit: int = 2_400
    _weights: dict[str, Window] = field(
        default_factory=lambda: defaultdict(lambda: Window(MINUTE_MS))
    )
    _ignored: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _banned: dict[str, int] = field(default_factory=dict)
    _orders: dict[str, tuple[Window, Window]] = field(
        default_factory=lambda: defaultdict(lambda: (Window(10_000), Window(MINUTE_MS)))
    )

    def charge(self, address: str, weight: int, now_ms: int) -> dict[str, str]:
        """Charge a request and give its header; 429 over the limit, 418 for who goes on."""
        until = self._banned.get(address, 0)
        if now_ms < until:
            raise with_retry(errors.BANNED(address, until), until - now_ms)
        used = self._weights[address].add(weight, now_ms)
        if used <= self.weight_limit:
            self._ignored[address] = 0
            return {"X-MBX-USED-WEIGHT-1M": str(used)}
        self._ignored[address] += 1
        if self._ignored[address] > BAN_AFTER:
            self._banned[address] = now_ms + BAN_MS
        wait = MINUTE_MS - now_ms % MINUTE_MS
        raise with_retry(errors.TOO_MANY_REQUESTS(address, self.weight_limit), wait)

    def count_order(self, account: str, now_ms: int) -> dict[str, str]:
        """Count an accepted order request and give its headers; −1015 over a limit."""
        short, long = self._orders[account]
        in_short, in_long = short.add(1, now_ms), long.add(1, now_ms)
        if in_short > ORDERS_10S:
            raise errors.TOO_MANY_ORDERS(ORDERS_10S, "10 SECONDS")
        if in_long > ORDERS_1M:
            raise errors.TOO_MANY_ORDERS(ORDERS_1M, "MINUTE")
        return {"X-MBX-ORDER-COUNT-10S": str(in_short), "X-MBX-ORDER-COUNT-1M": str(in_long)}

    def view(self) -> list[dict[str, str | int]]:
        """The limits as `exchangeInfo` publishes them."""
        return [
            _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_limit),
            _rate_limit("ORDERS", "MINUTE", 1, ORDERS_1M),
            _rate_limit("ORDERS", "SECOND", 10, ORDERS_10S),
        ]


def _rate_limit(kind: str, interval: str, number: int, limit: int) -> dict[str, str | int]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }


class RetryLaterError(ExchangeError):
    """A refusal that says when to come back (seconds, rounded up)."""

    def __init__(self, cause: ExchangeError, wait_ms: int) -> None:
        super().__init__(cause.code, cause.message, cause.status)
        self.retry_after = max(1, -(-wait_ms // 1000))


def with_retry(cause: ExchangeError, wait_ms: int) -> RetryLaterError:
    """``cause`` with its `Retry-After`."""
    return RetryLaterError(cause, wait_ms)
