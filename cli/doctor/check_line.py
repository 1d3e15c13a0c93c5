"""One line of `nocturne doctor` and `nocturne golive`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check; ``verdict`` is ok, warning or wrong, ``remedy`` is empty where all is well."""

    name: str
    verdict: str
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> CheckLine:
    """A check that passed."""
    return CheckLine(name, "ok", found)
