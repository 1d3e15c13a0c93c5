"""The option `--forecasts`: the rules of the executor's `[forecasts]`, in one word a rule."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from trading.errors import ParameterError
from trading.positions.forecasts import ForecastUse

_ON_OFF = ("size", "stop", "leverage", "entries")
_EXAMPLE = "size,stop,cost_filter=2.5,when_missing=skip"


def parse_use(text: str) -> ForecastUse:
    """Read ``size,cost_filter=2.5``: a rule without a value is on, other rules take a value.

    Raises `ParameterError` with the rules that there are for an unknown or unreadable one.
    """
    values: dict[str, Any] = {}
    for part in (one.strip() for one in text.split(",") if one.strip()):
        name, _, value = part.partition("=")
        if name in _ON_OFF and not value:
            values[name] = True
        elif name == "when_missing" and value in ("neutral", "skip"):
            values[name] = value
        elif name not in _ON_OFF and name in {one.name for one in fields(ForecastUse)}:
            values[name] = _number(name, value)
        else:
            raise ParameterError(
                f"--forecasts: '{part}' is no rule; write for example {_EXAMPLE} (rules are size,"
                " least_size=N, stop, leverage, cost_filter=N, round_trip_bps=N, entries,"
                " when_missing=neutral or skip)"
            )
    use = ForecastUse(**values)
    if values and not use.is_on:
        raise ParameterError(
            f"--forecasts {text} uses no forecast; add size, stop, leverage, cost_filter=N or"
            " entries"
        )
    return use


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        found = f"{name}={value}" if value else name
        raise ParameterError(f"--forecasts: '{found}' needs a number; write {name}=1") from error
