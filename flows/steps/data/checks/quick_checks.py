"""Whether a check can find anything in a month, in a few milliseconds.

Nearly all months are clean. Each function here asks for less than the SQL model of the same name in
``sql/checks``: where it says no, that model returns no row, and need not run. The models alone say
which rows are wrong, and why.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flows.settings import ValidationSettings
from trading.candles import MINUTE_MS

Floats = npt.NDArray[np.float64]

PRICES = ("open", "high", "low", "close")
FLOWS = ("quote_volume", "trades", "taker_buy_base", "taker_buy_quote")
# Models compute the same bounds in another order of operations.
_LESS = 1.0 - 1e-9


def candle_rows(data: pa.Table) -> bool:
    """Whether a row may have a missing, impossible or repeated value."""
    if any(data[name].null_count for name in (*PRICES, "volume")):
        return True
    times = _times(data)
    opens, highs, lows, closes = (_numbers(data, name) for name in PRICES)
    volume = _numbers(data, "volume")
    total = opens + highs + lows + closes + volume
    return not bool(
        np.isfinite(total).all()
        and (lows > 0).all()
        and (highs >= np.maximum(opens, closes)).all()
        and (lows <= np.minimum(opens, closes)).all()
        and (volume >= 0).all()
        and (times % MINUTE_MS == 0).all()
        and (np.diff(times) > 0).all()
    )


def candle_flows(data: pa.Table) -> bool:
    """Whether a row may have a negative flow, or more taker volume than volume."""
    for name in FLOWS:
        if data[name].null_count < data.num_rows and bool((_numbers(data, name) < 0).any()):
            return True
    if data["taker_buy_base"].null_count == data.num_rows:
        return False
    taken, volume = _numbers(data, "taker_buy_base"), _numbers(data, "volume")
    return bool((taken > volume * (1 + 1e-9) + 0.9e-7).any())


def price_jumps(good: pa.Table, settings: ValidationSettings) -> bool:
    """Whether a close may jump while hardly anything trades; ``good`` has passed `candle_rows`."""
    times, closes, volume = _times(good), _numbers(good, "close"), _numbers(good, "volume")
    next_to = np.diff(times) == MINUTE_MS
    if not next_to.any():
        return False
    moves = np.diff(np.log(closes))[next_to]
    after = volume[1:][next_to]
    far = np.abs(moves - np.median(moves)) > _LESS * settings.jump_sigmas * settings.jump_floor
    if not far.any():
        return False
    return bool((after[far] <= settings.thin_volume_share * np.median(after)).any())


def wicks(good: pa.Table, settings: ValidationSettings) -> bool:
    """Whether a high or low may stray from its neighbours; ``good`` has passed `candle_rows`."""
    if not good.num_rows:
        return False
    opens, highs, lows, closes = (_numbers(good, name) for name in PRICES)
    volume = _numbers(good, "volume")
    before = np.concatenate([opens[:1], closes[:-1]])
    after = np.concatenate([opens[1:], closes[-1:]])
    highest = np.maximum(np.maximum(opens, closes), np.maximum(before, after))
    lowest = np.minimum(np.minimum(opens, closes), np.minimum(before, after))
    wick = np.maximum(np.log(highs / highest), np.log(lowest / lows))
    least = _LESS * min(settings.jump_sigmas * settings.jump_floor, 0.5)
    most = max(2.0, settings.thin_volume_share) * np.median(volume)
    return bool((volume[wick > least] <= most).any())


def quiet_runs(candles: pa.Table, least: int) -> bool:
    """Whether so many minutes in a row are without a trade; ``candles`` are in order."""
    quiet = _times(candles)[candles["volume"].to_numpy() == 0]
    if len(quiet) < least:
        return False
    ends = np.flatnonzero(np.diff(quiet, append=quiet[-1]) != MINUTE_MS)
    return int(np.diff(ends, prepend=-1).max()) >= least


def _times(data: pa.Table) -> npt.NDArray[np.int64]:
    return np.asarray(data["open_time"].cast(pa.int64()).to_numpy(), dtype=np.int64)


def _numbers(data: pa.Table, name: str) -> Floats:
    """Return a column as floats; a null becomes NaN, which no comparison finds."""
    return np.asarray(data[name].to_numpy(), dtype=np.float64)
