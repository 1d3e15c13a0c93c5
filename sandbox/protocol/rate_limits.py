"""Request weights and order counts per wall-clock window, with their headers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sandbox.engines.common import error_codes
from sandbox.engines.common.error_codes import ExchangeError
from trading.candles import DAY_MS, MINUTE_MS

ORDERS_10S, ORDERS_1M = 300, 1_200
BAN_AFTER, BAN_MS = 100, 120_000


@dataclass(frozen=True, slots=True)
class OrderLimit:
    """At most ``limit`` order requests of an account per window; ``header`` carries the count."""

    interval: str
    number: int
    size_ms: int
    limit: int
    header: str


USDM_ORDERS = (
    OrderLimit("SECOND", 10, 10_000, ORDERS_10S, "10S"),
    OrderLimit("MINUTE", 1, MINUTE_MS, ORDERS_1M, "1M"),
)
SPOT_ORDERS = (
    OrderLimit("SECOND", 10, 10_000, 100, "10S"),
    OrderLimit("DAY", 1, DAY_MS, 200_000, "1D"),
)


@dataclass(slots=True)
class RateWindow:
    """A counter that restarts with each window of wall time."""

    size_ms: int
    start: int = 0
    used: int = 0

    def add(self, amount: int, now_ms: int) -> int:
        """Add ``amount`` and return the total of the current window."""
        start = now_ms // self.size_ms * self.size_ms
        if start != self.start:
            self.start, self.used = start, 0
        self.used += amount
        return self.used


@dataclass(slots=True)
class RateLimits:
    """Weight per address and minute, orders per account (none when ``counting`` is off)."""

    weight_limit: int = 2_400
    orders: tuple[OrderLimit, ...] = USDM_ORDERS
    counting: bool = True
    _weights: dict[str, RateWindow] = field(
        default_factory=lambda: defaultdict(lambda: RateWindow(MINUTE_MS))
    )
    _ignored: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _banned: dict[str, int] = field(default_factory=dict)
    _counts: dict[str, tuple[RateWindow, ...]] = field(default_factory=dict)
    _closed_until: int = 0
    _tolerance: int = BAN_AFTER

    def charge(self, address: str, weight: int, now_ms: int) -> dict[str, str]:
        """Charge a request and return its header; 429 over the limit, 418 after too many 429s."""
        until = self._banned.get(address, 0)
        if now_ms < until:
            raise with_retry(error_codes.BANNED(address, until), until - now_ms)
        used = self._weights[address].add(weight, now_ms)
        if used <= self.weight_limit and now_ms >= self._closed_until:
            self._ignored[address] = 0
            return {"X-MBX-USED-WEIGHT-1M": str(used)}
        self._ignored[address] += 1
        closed = now_ms < self._closed_until
        if self._ignored[address] > (self._tolerance if closed else BAN_AFTER):
            self._banned[address] = now_ms + BAN_MS
        wait = self._closed_until - now_ms if closed else MINUTE_MS - now_ms % MINUTE_MS
        raise with_retry(error_codes.TOO_MANY_REQUESTS(address, self.weight_limit), wait)

    def close_for(self, length_ms: int, tolerance: int, now_ms: int) -> None:
        """Answer 429 for a while and ban an address after ``tolerance`` more requests."""
        self._closed_until, self._tolerance = now_ms + length_ms, tolerance
        self._ignored.clear()

    def count_order(self, account: str, now_ms: int) -> dict[str, str]:
        """Count an accepted order request and return its headers; −1015 over a limit."""
        if not self.counting:
            return {}
        windows = self._counts.get(account)
        if windows is None:
            windows = self._counts[account] = tuple(
                RateWindow(rule.size_ms) for rule in self.orders
            )
        used = [window.add(1, now_ms) for window in windows]
        for rule, count in zip(self.orders, used, strict=True):
            if count > rule.limit:
                name = rule.interval if rule.number == 1 else f"{rule.number} {rule.interval}S"
                raise error_codes.TOO_MANY_ORDERS(rule.limit, name)
        return {
            f"X-MBX-ORDER-COUNT-{rule.header}": str(count)
            for rule, count in zip(self.orders, used, strict=True)
        }

    def counted(self, address: str, account: str) -> list[dict[str, str | int]]:
        """Return the limits with their counts, as responses of the WebSocket API carry them."""
        weight = _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_limit)
        rows = [weight | {"count": self._weights[address].used}]
        for rule, window in zip(self.orders, self._counts.get(account, ()), strict=False):
            row = _rate_limit("ORDERS", rule.interval, rule.number, rule.limit)
            rows.append(row | {"count": window.used})
        return rows

    def published(self) -> list[dict[str, str | int]]:
        """Return the limits as ``exchangeInfo`` publishes them."""
        rows = [_rate_limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_limit)]
        for rule in sorted(self.orders, key=lambda rule: rule.interval):
            rows.append(_rate_limit("ORDERS", rule.interval, rule.number, rule.limit))
        return rows


def _rate_limit(kind: str, interval: str, number: int, limit: int) -> dict[str, str | int]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }


class RetryLaterError(ExchangeError):
    """A refusal that says when to retry (seconds, rounded up)."""

    def __init__(self, cause: ExchangeError, wait_ms: int) -> None:
        super().__init__(cause.code, cause.message, cause.status)
        self.retry_after = max(1, -(-wait_ms // 1000))


def with_retry(cause: ExchangeError, wait_ms: int) -> RetryLaterError:
    """Add `Retry-After` to ``cause``."""
    return RetryLaterError(cause, wait_ms)
