"""A frozen model of entries, tried on days that it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from flows.settings import ResearchSettings
from flows.steps.entries.rows import load_entries
from flows.steps.entries.walk import chances_of
from flows.steps.models.results import ModelResult
from lake.store import Lake
from trading.candles import DAY_MS
from trading.errors import DataError
from trading.models.calibration import ChanceModel

_WARM_UP = timedelta(days=4)
_SETTLED_DAYS = 3
"""A day counts when its entries have had this long to end."""


def entry_days(
    lake: Lake,
    model: ModelResult,
    symbol: str,
    begin: int,
    as_of: datetime,
    settings: ResearchSettings,
) -> Mapping[int, float]:
    """Return what the taken entries of one symbol earned by day, from day ``begin`` on."""
    since = datetime.fromtimestamp(begin * DAY_MS / 1000, UTC) - _WARM_UP
    params = {symbol: model.params["entries"][symbol]}
    strategy = str(model.params["strategy"])
    end = round(as_of.timestamp() * 1000) // DAY_MS - _SETTLED_DAYS
    found = dict.fromkeys(range(begin, end), 0.0)
    try:
        rows = load_entries(lake, strategy, params, as_of=as_of, settings=settings, since=since)
    except DataError:
        return found  # no entry has ended
    chance = chances_of(ChanceModel.of_text(model.text), rows.features, rows.x, 0.0)
    days = (rows.decided_at // DAY_MS).tolist()
    earned = np.where(chance >= model.params["usual"], rows.net, 0.0).tolist()
    for day, net in zip(days, earned, strict=True):
        if day in found:
            found[day] += net
    return found
