"""Declared parameters of a strategy: type, bounds, default, and how a text is parsed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trading.candles import DAY_MS, interval_ms
from trading.errors import ParameterError

Value = float | int | str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter.

    ``kind`` is ``float``, ``int``, ``choice``, ``interval`` or ``ladder``.
    """

    name: str
    kind: str
    default: Value
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    help: str = ""

    def parse(self, value: Value, owner: str) -> Value:
        """Return ``value`` as this parameter's type, within its bounds.

        Any other value is a `ParameterError`, in which ``owner`` names the strategy.
        """
        if self.kind == "choice":
            return self._choice(str(value), owner)
        if self.kind == "ladder":
            return _ladder_text(str(value), f"{owner}: {self.name}")
        if self.kind == "interval":
            length = interval_ms(str(value))
            if DAY_MS % length and length % DAY_MS:
                raise ParameterError(f"{owner}: {self.name} = {value} does not divide a day")
            return str(value)
        return self._number(value, owner)

    def number(self, value: Value) -> float:
        """Return a parsed value as the kernels read it; a choice is its place among the choices."""
        if self.kind == "choice":
            return float(self.choices.index(str(value)))
        return float(value)

    def _choice(self, value: str, owner: str) -> str:
        if value not in self.choices:
            allowed = ", ".join(self.choices)
            raise ParameterError(f"{owner}: {self.name} = '{value}' is not one of {allowed}")
        return value

    def _number(self, value: Value, owner: str) -> Value:
        try:
            number = float(value)
        except ValueError as error:
            raise ParameterError(
                f"{owner}: {self.name} = '{value}' is not a number; give {self._wanted('one')}"
            ) from error
        if not math.isfinite(number) or not self.low <= number <= self.high:
            raise ParameterError(
                f"{owner}: {self.name} = {value} is out of bounds; give {self._wanted('a number')}"
            )
        if self.kind != "int":
            return number
        if number != math.floor(number):
            raise ParameterError(f"{owner}: {self.name} = {value} is not a whole number")
        return int(number)

    def _wanted(self, what: str) -> str:
        """Say which numbers are allowed, as ``what`` with its bounds."""
        if math.isinf(self.low) and math.isinf(self.high):
            return f"{what} that is finite"
        if math.isinf(self.high):
            return f"{what} of {self.low:g} or more"
        if math.isinf(self.low):
            return f"{what} of {self.high:g} or less"
        return f"{what} between {self.low:g} and {self.high:g}"


def ladder_steps(text: str) -> tuple[tuple[float, float], ...]:
    """Return the steps (profit, share) of a ladder such as ``0.02:0.5,0.04:0.25``."""
    pairs = [step.split(":") for step in text.split(",") if step]
    return tuple((float(level), float(share)) for level, share in pairs)


def _ladder_text(text: str, where: str) -> str:
    """Return ``text`` without blanks, if it is a ladder."""
    bare = "".join(text.split())
    try:
        steps = ladder_steps(bare)
    except ValueError as error:
        raise ParameterError(
            f"{where} = '{text}' is no ladder; write PROFIT:SHARE,…, for example 0.02:0.5,0.04:0.25"
        ) from error
    if not all(math.isfinite(number) for step in steps for number in step):
        raise ParameterError(f"{where} = '{text}' has a number that is not finite")
    return bare
