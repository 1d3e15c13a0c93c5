"""Funding rates of the lake as the simulation takes them: see `lake.series`."""

from lake.series import load_funding

__all__ = ["load_funding"]
