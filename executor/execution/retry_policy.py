"""What to do after the request of an order failed: a pure policy.

A definite rejection may be repeated with the same id: no order exists under it. An unknown outcome
is never repeated: the order is queried until it can no longer be accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from executor.model import NewOrder
from executor.venues.faults import (
    Banned,
    NothingToReduce,
    RateLimited,
    Rejected,
    Temporary,
    VenueFaultError,
    WouldTrigger,
)

RETRY_DELAYS_S = (1.0, 2.0, 5.0)
QUERY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
AFTER_RECV_WINDOW_S = 10.0
URGENT_TRIES = 2
URGENT_DELAY_S = 1.0
HARMLESS_DEADLINE_S = 1.5
"""A close that is harmless twice need not wait for proof that the first one died."""
HARMLESS_ANSWER_S = 2.5
"""Nor for an answer: with the queries after it, it is repeated within 5 s."""


class RetryStep(StrEnum):
    """The next thing to do."""

    RETRY = "retry"
    QUERY = "query"
    CLOSE_NOW = "close_now"
    FLAT = "flat"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """A step and how long to wait before it."""

    step: RetryStep
    after_s: float = 0.0


def after_fault(fault: VenueFaultError, order: NewOrder, attempts: int) -> RetryDecision:
    """The next step after the ``attempts``-th request of an order failed (1 = the first)."""
    if isinstance(fault, RateLimited):
        return _after_limit(fault, order, attempts)
    if not isinstance(fault, Rejected):
        return RetryDecision(RetryStep.QUERY)
    if isinstance(fault, WouldTrigger):
        return RetryDecision(RetryStep.CLOSE_NOW)
    if isinstance(fault, NothingToReduce) and order.harmless_twice:
        return RetryDecision(RetryStep.FLAT)
    if isinstance(fault, Temporary) and attempts <= len(RETRY_DELAYS_S):
        return RetryDecision(RetryStep.RETRY, RETRY_DELAYS_S[attempts - 1])
    return RetryDecision(RetryStep.FAIL)


def _after_limit(fault: RateLimited, order: NewOrder, attempts: int) -> RetryDecision:
    """Give up an entry, whose price moves on; let an order that reduces risk wait as requested."""
    may_wait = order.exits and not isinstance(fault, Banned)
    if may_wait and attempts <= URGENT_TRIES:
        # The transport keeps a few requests of every block for orders that reduce risk.
        return RetryDecision(RetryStep.RETRY, min(fault.retry_after_s, URGENT_DELAY_S))
    if may_wait and attempts <= len(RETRY_DELAYS_S):
        return RetryDecision(RetryStep.RETRY, fault.retry_after_s)
    return RetryDecision(RetryStep.FAIL)


def answer_deadline_s(order: NewOrder) -> float | None:
    """How long to wait for the answer to a request; None leaves it to the client's time-out."""
    return HARMLESS_ANSWER_S if order.harmless_twice and not order.conditional else None


def query_deadline_s(order: NewOrder, recv_window_ms: int) -> float:
    """How long to query an order of unknown outcome before it counts as dead."""
    if order.harmless_twice:
        return HARMLESS_DEADLINE_S
    return recv_window_ms / 1000 + AFTER_RECV_WINDOW_S
