"""What a run is called and tagged in the Prefect UI: ``nightly 2026-11-28``, ``scan 08:15``."""

from __future__ import annotations

from datetime import datetime, timedelta

LEFT_OUT_TAG = "left-out"

# A flow that runs several times a day is named by the period that it closes, in minutes.
_PERIODS = {"retune_k": 60, "export_ledger": 60, "scan": 15, "download": 15, "signals": 15}
_TITLES = {"retune_k": "retune K"}


def run_name(flow: str, as_of: datetime) -> str:
    """Return the name of a run: the flow and the last whole day, or the time of day, that it reads.

    Times are UTC, as everywhere.
    """
    title = _TITLES.get(flow, flow.replace("_", " "))
    period = _PERIODS.get(flow)
    if period is None:
        return f"{title} {as_of - timedelta(days=1):%Y-%m-%d}"
    minutes = as_of.hour * 60 + as_of.minute
    start = minutes - minutes % period
    return f"{title} {start // 60:02}:{start % 60:02}"


def run_tags(flow: str, venue: str, *, left_out: bool = False) -> tuple[str, ...]:
    """Return the tags of a run: its flow, its venue, and whether it left something out."""
    tags = (flow.replace("_", "-"), venue)
    return (*tags, LEFT_OUT_TAG) if left_out else tags
