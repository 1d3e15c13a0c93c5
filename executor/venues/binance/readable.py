"""Answers that cannot be read: the request went out, so its outcome is unknown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from executor.venues.faults import UnreadableAnswer

P = ParamSpec("P")
T = TypeVar("T")

UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""Raised where a field is missing, or holds what it should not."""


def readable(request: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Raise `UnreadableAnswer` where ``request`` gets an answer that it cannot read."""

    @functools.wraps(request)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await request(*args, **kwargs)
        except UNREADABLE as error:
            name = request.__name__.strip("_")
            raise UnreadableAnswer(f"{name}: the answer cannot be read ({error!r})") from error

    return guarded
