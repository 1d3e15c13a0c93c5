"""Funding rates of the lake as the simulation takes them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from lake.store import Lake
from lake.tables import RAW_FUNDING
from trading.market.funding import FundingRates


def load_funding(lake: Lake, venue: str, symbol: str, as_of: datetime) -> FundingRates:
    """Return the rates of ``symbol`` known at ``as_of``, by time (ms); empty if there are none."""
    names = ["funding_time", "funding_rate"]
    data = lake.read(RAW_FUNDING, names, as_of=as_of, venue=venue, symbol=symbol)
    times = data["funding_time"].cast(pa.int64()).to_numpy()
    rates = np.asarray(data["funding_rate"].to_numpy(), dtype=np.float64)
    known = np.isfinite(rates)
    return dict(zip(times[known].tolist(), rates[known].tolist(), strict=True))
