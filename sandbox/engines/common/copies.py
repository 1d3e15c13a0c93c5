"""Fast copies of dataclasses: an event keeps an order as it was when it was recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TypeVar

T = TypeVar("T")


def copier(kind: type[T]) -> Callable[[T], T]:
    """Make a function that copies a dataclass shallowly, several times as fast as ``copy.copy``."""
    values = attrgetter(*(field.name for field in dataclasses.fields(kind)))  # type: ignore[arg-type]
    return lambda original: kind(*values(original))
