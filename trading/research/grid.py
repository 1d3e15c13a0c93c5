"""Search grids, such as ``k=0.3:0.8:0.05`` (both ends included), ``k=0.4,0.5`` or ``k=0.5``.

Ladders are separated by semicolons: ``partial_take_profit=0.02:0.5;0.02:0.5,0.04:0.25``. Values
stay decimal until the end, so ``0.35`` is the float nearest to 0.35 and never 0.35000000000000003.
A grid is checked before any combination exists.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Protocol

from trading.errors import ParameterError
from trading.strategies.parameters import Parameter, Value

MEMORY_LIMIT = 2 * 1024**3
_BYTES_PER_COMBINATION = 2_000
_BYTES_PER_DAY = 8
_LARGEST_AXIS = 100_000_000
_LARGEST_AXIS_TRIED = 1_000_000
_NUMBERS = ("float", "int")


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter and its values, in the order in which they were written."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ParameterGrid:
    """All combinations of its axes; the last axis varies fastest."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Return the number of combinations."""
        return math.prod(len(axis.values) for axis in self.axes)

    def combination(self, place: int) -> dict[str, Value]:
        """Return the combination at ``place`` in the order of :meth:`combinations`."""
        found: dict[str, Value] = {}
        for axis in reversed(self.axes):
            place, at = divmod(place, len(axis.values))
            found[axis.name] = axis.values[at]
        return {axis.name: found[axis.name] for axis in self.axes}

    def combinations(self) -> list[dict[str, Value]]:
        """Return every combination as a mapping of parameter name to value."""
        names = [axis.name for axis in self.axes]
        products = itertools.product(*(axis.values for axis in self.axes))
        return [dict(zip(names, values, strict=True)) for values in products]


@dataclass(frozen=True, slots=True)
class _Range:
    """A checked axis, not expanded yet."""

    name: str
    start: Decimal
    step: Decimal
    count: int
    whole: bool

    def expand(self) -> Axis:
        values = (self.start + self.step * place for place in range(self.count))
        convert = int if self.whole else float
        numbers = tuple(convert(value) for value in values)
        if len(set(numbers)) < len(numbers):
            raise ParameterError(
                f"grid parameter {self.name} has the step {self.step}, too fine to tell values"
                " apart; use a larger step"
            )
        return Axis(self.name, numbers)


class DeclaresParameters(Protocol):
    """Anything that declares parameters, such as a strategy."""

    def parameter(self, name: str) -> Parameter:
        """Return the declared parameter ``name``; an unknown name is a `ParameterError`."""
        ...


def parse_grid(
    texts: Sequence[str],
    strategy: DeclaresParameters,
    *,
    days: int = 0,
    memory_limit: int = MEMORY_LIMIT,
    trials: int | None = None,
) -> ParameterGrid:
    """Parse ``NAME=VALUES`` texts into the grid of one strategy.

    ``days`` is the number of UTC days searched: each combination keeps one return per day.
    ``trials`` limits how many combinations will be tried. Raises `ParameterError` with one sentence
    for anything that cannot be searched, and for a grid whose results would need more than
    ``memory_limit`` bytes.
    """
    if not texts:
        raise ParameterError("the grid is empty; write for example k=0.3:0.8:0.05")
    drafts = [_draft(text, strategy) for text in texts]
    names = [draft.name for draft in drafts]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"grid parameter {name} is given twice; join its values in one")
    size = math.prod(
        draft.count if isinstance(draft, _Range) else len(draft.values) for draft in drafts
    )
    if trials is not None and trials < size:
        # Memory holds only the axes and the trials.
        for draft in drafts:
            _check_axis(draft)
        size = trials
    check_memory(size, days, memory_limit)
    return ParameterGrid(tuple(d.expand() if isinstance(d, _Range) else d for d in drafts))


def check_memory(size: int, days: int, memory_limit: int = MEMORY_LIMIT) -> None:
    """Refuse ``size`` combinations over ``days`` days if their results exceed the memory limit."""
    each = _BYTES_PER_COMBINATION + _BYTES_PER_DAY * days
    if size * each > memory_limit:
        span = f" over {days:,} days" if days else ""
        raise ParameterError(
            f"the grid has {size:,} combinations{span}, which need"
            f" {size * each / 1024**3:,.1f} GiB of memory; the limit is"
            f" {memory_limit / 1024**3:,.1f} GiB ({memory_limit // each:,} combinations):"
            " use larger steps, fewer parameters or fewer days"
        )


def _check_axis(draft: _Range | Axis) -> None:
    if isinstance(draft, _Range) and draft.count > _LARGEST_AXIS_TRIED:
        raise ParameterError(
            f"grid parameter {draft.name} has {draft.count:,} values; a search"
            f" distinguishes at most {_LARGEST_AXIS_TRIED:,}; use a larger step"
        )


def _draft(text: str, strategy: DeclaresParameters) -> _Range | Axis:
    """Check one axis without expanding its range."""
    name, equals, body = text.partition("=")
    name, body = name.strip(), body.strip()
    where = f"grid {text!r}"
    if not equals or not name or not body:
        raise ParameterError(
            f"{where} has no values; write NAME=FROM:TO:STEP, for example k=0.3:0.8:0.05"
        )
    parameter = strategy.parameter(name)
    if ":" in body and parameter.kind != "ladder":
        return _draft_range(body, parameter, where)
    # A ladder contains commas, so semicolons separate ladders; one of them may be empty.
    items = [item.strip() for item in body.split(";" if parameter.kind == "ladder" else ",")]
    if not all(items) and parameter.kind != "ladder":
        raise ParameterError(f"{where} has an empty value; write for example {name}=0.4,0.5")
    values = tuple(parameter.parse(item, where) for item in items)
    if len(set(values)) < len(values):
        raise ParameterError(f"{where} names a value twice; name each once")
    return Axis(name, values)


def _draft_range(body: str, parameter: Parameter, where: str) -> _Range:
    parts = [part.strip() for part in body.split(":")]
    if len(parts) != 3:
        raise ParameterError(f"{where} is not FROM:TO:STEP, for example k=0.3:0.8:0.05")
    if parameter.kind not in _NUMBERS:
        raise ParameterError(
            f"{where}: {parameter.name} takes words, not a range; list them with commas"
        )
    start, stop, step = (
        _decimal(part, where, role)
        for part, role in zip(parts, ("start", "end", "step"), strict=True)
    )
    if step <= 0:
        raise ParameterError(f"{where} has the step {step}; a step above 0 is needed")
    if stop < start:
        raise ParameterError(f"{where} runs from {start} down to {stop}; put the smaller end first")
    count = _count(start, stop, step)
    parameter.parse(float(start), where)
    parameter.parse(float(stop), where)
    whole = parameter.kind == "int"
    if whole and step != step.to_integral_value():
        raise ParameterError(f"{where} has the step {step}; {parameter.name} needs whole numbers")
    return _Range(parameter.name, start, step, count, whole)


def _count(start: Decimal, stop: Decimal, step: Decimal) -> int:
    """Count the values; decimal division is exact at the inclusive end."""
    try:
        steps = (stop - start) // step
    except DecimalException:
        # The quotient has more digits than a decimal holds: far beyond any memory.
        return _LARGEST_AXIS
    return int(steps) + 1


def _decimal(text: str, where: str, role: str) -> Decimal:
    try:
        number = Decimal(text)
    except DecimalException:
        number = Decimal("NaN")
    if not number.is_finite() or not math.isfinite(float(number)):
        raise ParameterError(f"{where}: the {role} {text!r} is not a number")
    return number
