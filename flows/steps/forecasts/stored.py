"""Out-of-sample forecasts of the nightly training, kept beside the candles for back-tests.

Each forecast is of a fold's test, by the model that was fitted on the days before it. The recipe of
the models was chosen knowing all of the history; their weights were not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from flows.steps.data.freshness import write_known
from flows.steps.models.walk import Forecast
from lake.store import Lake
from lake.tables import FORECASTS
from trading.candles import Flags
from trading.model_targets import target_of


@dataclass(frozen=True, slots=True)
class ForecastStore:
    """Keeps the forecasts of ``symbols``, numbered as in the data set that was walked."""

    lake: Lake
    as_of: datetime
    venue: str
    symbols: tuple[str, ...]

    def keep(self, target: str, forecasts: Sequence[Forecast]) -> None:
        """Replace the forecasts of one target known at ``as_of``; untested symbols keep theirs."""
        for number, symbol in enumerate(self.symbols):
            parts = [_rows(one, one.test.symbols == number, target) for one in forecasts]
            rows = pa.concat_tables(parts) if parts else None
            if rows is not None and rows.num_rows:
                where = {"venue": self.venue, "symbol": symbol, "target": target}
                write_known(
                    self.lake, FORECASTS, rows, as_of=self.as_of, partition=where, metadata={}
                )


def _rows(forecast: Forecast, own: Flags, target: str) -> pa.Table:
    values = forecast.model[own]
    values = np.exp(values) if target_of(target).logarithmic else values
    usual = np.full(len(values), np.nan) if forecast.usual is None else forecast.usual[own]
    return pa.table(
        {
            "made_at": pa.array(forecast.test.times[own], pa.int64()).cast(
                pa.timestamp("ms", "UTC")
            ),
            "value": pa.array(values, pa.float64()),
            "usual": pa.array(usual, pa.float64(), from_pandas=True),  # NaN is none
        }
    )
