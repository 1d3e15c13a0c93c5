"""What follows a failed request: never a second order while the first may exist."""

from __future__ import annotations

from decimal import Decimal

import pytest

from executor.execution.closer import CLOSE_AGAIN_S
from executor.execution.retry_policy import (
    QUERY_DELAYS_S,
    RETRY_DELAYS_S,
    RetryDecision,
    RetryStep,
    after_fault,
    answer_deadline_s,
    query_deadline_s,
)
from executor.model import NewOrder, OrderKind, instrument_id
from executor.venues.faults import (
    Banned,
    InsufficientMargin,
    NothingToReduce,
    OutcomeUnknown,
    RateLimited,
    Temporary,
    VenueFaultError,
    WouldTrigger,
)

BTC = instrument_id("BTCUSDT", "binance_usdm")
ENTRY = NewOrder("n1-x", BTC, "BUY", OrderKind.MARKET, Decimal(1))
EXIT = NewOrder("n1-y", BTC, "SELL", OrderKind.MARKET, Decimal(1), reduce_only=True, exits=True)
FAIL = RetryDecision(RetryStep.FAIL)


@pytest.mark.parametrize(
    ("fault", "order", "attempts", "decision"),
    [
        (OutcomeUnknown("?"), ENTRY, 1, RetryDecision(RetryStep.QUERY, 0.0)),
        (WouldTrigger("?"), ENTRY, 1, RetryDecision(RetryStep.CLOSE_NOW)),
        (NothingToReduce("?"), EXIT, 1, RetryDecision(RetryStep.FLAT)),
        (NothingToReduce("?"), ENTRY, 1, FAIL),
        (InsufficientMargin("?"), ENTRY, 1, FAIL),
        (Temporary("?"), ENTRY, 1, RetryDecision(RetryStep.RETRY, 1.0)),
        (Temporary("?"), ENTRY, 2, RetryDecision(RetryStep.RETRY, 2.0)),
        (Temporary("?"), ENTRY, 3, RetryDecision(RetryStep.RETRY, 5.0)),
        (Temporary("?"), ENTRY, 4, FAIL),
        (RateLimited("?", 20.0), ENTRY, 1, FAIL),
        (RateLimited("?", 20.0), EXIT, 1, RetryDecision(RetryStep.RETRY, 1.0)),
        (RateLimited("?", 0.3), EXIT, 2, RetryDecision(RetryStep.RETRY, 0.3)),
        (RateLimited("?", 20.0), EXIT, 3, RetryDecision(RetryStep.RETRY, 20.0)),
        (RateLimited("?", 20.0), EXIT, 4, FAIL),
        (Banned("?", 20.0), EXIT, 1, FAIL),
    ],
)
def test_the_next_step_follows_from_the_fault(
    fault: VenueFaultError, order: NewOrder, attempts: int, decision: RetryDecision
) -> None:
    assert after_fault(fault, order, attempts) == decision


def test_an_unknown_outcome_is_queried_until_the_order_can_no_longer_be_accepted() -> None:
    assert query_deadline_s(ENTRY, 5_000) == 15.0
    assert query_deadline_s(EXIT, 5_000) == 1.5


def test_the_delays_grow() -> None:
    assert RETRY_DELAYS_S == (1.0, 2.0, 5.0)
    assert QUERY_DELAYS_S == (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


def test_a_close_without_an_answer_is_repeated_within_five_seconds() -> None:
    answer = answer_deadline_s(EXIT)
    assert answer is not None
    assert answer + query_deadline_s(EXIT, 5_000) + CLOSE_AGAIN_S < 5.0


def test_an_entry_is_awaited_for_as_long_as_the_client_does() -> None:
    assert answer_deadline_s(ENTRY) is None
