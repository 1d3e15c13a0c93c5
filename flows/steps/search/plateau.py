"""The approved plateau: the part of a coarse grid that holds together around its best point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.strategies.parameters import Value

Params = Mapping[str, Value]
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ApprovedPlateau:
    """Approved values: (low, high) for each of ``numbers``, allowed values for ``words``.

    An empty plateau (``size`` 0) approves nothing.
    """

    size: int
    numbers: Mapping[str, tuple[float, float]]
    words: Mapping[str, tuple[str, ...]]

    def holds(self, params: Params) -> bool:
        """Check whether ``params`` lie inside; parameters that were not searched do not matter."""
        if not self.size:
            return False
        return all(
            low - _ROUNDING <= float(params[name]) <= high + _ROUNDING
            for name, (low, high) in self.numbers.items()
        ) and all(params[name] in allowed for name, allowed in self.words.items())

    def as_measures(self) -> dict[str, float | int | str | None]:
        """Return the bounds as measures of a release, such as ``approved_k_low``."""
        bounds: dict[str, float | int | str | None] = {"approved_sets": self.size}
        for name, (low, high) in sorted(self.numbers.items()):
            bounds |= {f"approved_{name}_low": low, f"approved_{name}_high": high}
        return bounds


def approve(
    combinations: Sequence[Params],
    objective: Sequence[float],
    returns: Sequence[float],
    winner: int,
    keep: float = 0.5,
) -> ApprovedPlateau:
    """Approve the profitable combinations that connect to the winner over grid neighbours.

    A combination counts when its total return is positive and it reaches ``keep`` of the
    winner's objective. It is connected when a chain of such combinations leads to the winner,
    each at most one grid step from the last in every parameter. The box around them is
    approved. A losing winner approves nothing.
    """
    if returns[winner] <= 0.0 or objective[winner] <= 0.0:
        return ApprovedPlateau(0, {}, {})
    places = _places(combinations)
    good = {
        index
        for index, value in enumerate(objective)
        if value >= keep * objective[winner] and returns[index] > 0.0
    }
    reached, frontier = {winner}, [winner]
    while frontier:
        here = frontier.pop()
        near = {other for other in good - reached if _neighbours(places[here], places[other])}
        reached |= near
        frontier.extend(near)
    members = [combinations[index] for index in sorted(reached)]
    numbers: dict[str, tuple[float, float]] = {}
    words: dict[str, tuple[str, ...]] = {}
    for name in combinations[winner]:
        values = [member[name] for member in members]
        if isinstance(values[0], str):
            words[name] = tuple(sorted({str(value) for value in values}))
        else:
            numbers[name] = (min(map(float, values)), max(map(float, values)))
    return ApprovedPlateau(len(members), numbers, words)


def _places(combinations: Sequence[Params]) -> list[tuple[int, ...]]:
    """Return each combination's position on its axes, one per grid step; words have no order."""
    names = list(combinations[0])
    axes: list[dict[Value, int]] = []
    for name in names:
        values = {combination[name] for combination in combinations}
        numbers = sorted(value for value in values if not isinstance(value, str))
        axes.append(
            {value: place for place, value in enumerate(numbers)}
            | {value: 0 for value in values if isinstance(value, str)}
        )
    return [
        tuple(axis[combination[name]] for axis, name in zip(axes, names, strict=True))
        for combination in combinations
    ]


def _neighbours(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))
