"""Quick copies of the engines' dataclasses: what is told of an order is the order as it is now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TypeVar

T = TypeVar("T")


def copier(kind: type[T]) -> Callable[[T], T]:
    """A shallow copy of a dataclass by its fields, several times as quick as ``copy.copy``."""
    values = attrgetter(*(field.name for field in dataclasses.fields(kind)))  # type: ignore[arg-type]
    return lambda original: kind(*values(original))
