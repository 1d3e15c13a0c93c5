"""Retries at the start, when the exchange may be away for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from executor.venues.faults import RateLimited, Rejected, VenueFaultError
from trading.errors import VenueError

CONNECT_WITHIN_S = 60.0


async def until_answered(work: Callable[[], Awaitable[None]]) -> None:
    """Do ``work`` again until the exchange answers.

    Raises:
        VenueError: the exchange refused the request, or did not answer within a minute.
    """
    end = time.monotonic() + CONNECT_WITHIN_S
    while True:
        try:
            return await work()
        except Rejected as fault:
            raise VenueError(f"the exchange refused the start: {fault}") from fault
        except VenueFaultError as fault:
            wait = fault.retry_after_s if isinstance(fault, RateLimited) else 1.0
            if time.monotonic() + wait > end:
                raise VenueError(f"the exchange does not answer: {fault}") from fault
            await asyncio.sleep(wait)
