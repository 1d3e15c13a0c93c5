"""The ``from_signals`` of vectorbt on the breakout rule; `_peers.py` runs it.

It reads ``candles.npz`` and ``settings.json`` from a folder and prints one JSON object. Each
combination buys at the open after a close that crosses today's open + k x yesterday's range
(``trigger`` cross), or after the first close of the day above it (level), and leaves by a stop, a
limit or at the close of the UTC day's last candle. It runs on the Rust engine, which refuses a call
that it cannot serve. What can be computed once for all combinations is not timed. Times have no
zone: with one, pandas spends seconds on them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio.enums import StopEntryPrice

NAMES = ("open", "high", "low", "close")
ENGINE = "rust"


class Year:
    """The candles, and what all combinations share."""

    def __init__(self, folder: Path, fee: float, trigger: str, rows: int | None = None) -> None:
        columns = np.load(folder / "candles.npz")
        index = pd.to_datetime(columns["open_time"][:rows], unit="ms")
        self.fee = fee
        self.trigger = trigger
        self.frame = pd.DataFrame({name: columns[name][:rows] for name in NAMES}, index=index)
        days = self.frame.resample("1D").agg({"open": "first", "high": "max", "low": "min"})
        spans = days["high"] - days["low"]
        if index[0] != days.index[0]:
            spans.iloc[0] = np.nan  # the first candles of that day are missing
        self.first, self.span = days["open"], spans.shift(1)
        dates = index.floor("1D")
        self.day = dates.to_numpy()
        last = np.append(dates[1:] != dates[:-1], True)
        self.last = pd.Series(last, index=index)
        self.before = self.frame["close"].shift(1)
        self.price = self.frame["open"].where(~self.last, self.frame["close"])

    def trade(self, values: dict[str, float]) -> vbt.Portfolio:
        """Trade one combination."""
        frame = self.frame
        line = (self.first + self.span * values["k"]).reindex(frame.index, method="ffill")
        above = (frame["close"] > line) & ~self.last
        if self.trigger == "cross":
            signals = above & ~(self.before > line)
        else:
            signals = self.first_of_day(above)
        entries = signals.shift(1, fill_value=False)
        return vbt.Portfolio.from_signals(
            frame["close"],
            entries & ~self.last,
            self.last,
            price=self.price,
            open=frame["open"],
            high=frame["high"],
            low=frame["low"],
            sl_stop=values["stop_loss"],
            tp_stop=values["take_profit"],
            stop_entry_price=StopEntryPrice.FillPrice,
            fees=self.fee,
            freq="1min",
        )

    def first_of_day(self, signals: pd.Series) -> pd.Series:
        """Keep the first signal of each day."""
        rows = np.flatnonzero(signals.to_numpy())
        days = self.day[rows]
        kept = np.zeros(len(signals), dtype=bool)
        kept[rows[np.append(True, days[1:] != days[:-1])[: len(rows)]]] = True
        return pd.Series(kept, index=signals.index)


def main() -> None:
    """Trade the first ``rows`` for their results, then all rows for the time."""
    folder = Path(sys.argv[1])
    settings = json.loads((folder / "settings.json").read_text())
    vbt.settings["engine"] = ENGINE
    grid = settings["grid"]
    part = Year(folder, settings["fee"], settings["trigger"], settings["rows"])
    made = [part.trade(values) for values in grid]
    year = Year(folder, settings["fee"], settings["trigger"])
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        for values in grid:
            year.trade(values).total_return()
        seconds.append(time.perf_counter() - started)
    document = {
        "version": f"{vbt.__version__} ({ENGINE})",
        "seconds": min(seconds) / len(grid),
        "trades": [int(portfolio.trades.count()) for portfolio in made],
        "total_returns": [float(portfolio.total_return()) for portfolio in made],
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
