"""Planted drift in bundled candles: how much is found within a day, and what alarms falsely."""

from __future__ import annotations

import numpy as np

from flows.steps.models.dataset import Dataset, Floats
from trading.models.drift import ERROR_NAMES, DayMonitor, day_monitor, error_rows, resampled_day
from trading.models.linear import fit_har

RUNS = 100
DAY_ROWS = 96
MONTHS = 33


def found(monitor: DayMonitor, rows: Floats, shift: Floats | float, runs: int = RUNS) -> float:
    """Return the share of resampled days on which a shift of all rows is found."""
    generator = np.random.default_rng(1)
    days = (rows[resampled_day(generator, len(rows), DAY_ROWS)] + shift for _ in range(runs))
    return float(np.mean([monitor.look_at(day).drifted for day in days]))


def a_month(monitor: DayMonitor, rows: Floats) -> float:
    """Return false alarms a month on resampled days."""
    return 30.0 * found(monitor, rows, 0.0, 30 * MONTHS)


def feature_drift(data: Dataset) -> tuple[float, float, float, float]:
    """Return what is found of a mean moved by a deviation, and the false alarms a month.

    The shares are those of all features moved at once, of single features that are found in 95 % of
    the runs, and of volatility twice as high in the features.
    """
    monitor = day_monitor(data.features, data.x, data.times)
    rows = data.x[:, [data.features.index(name) for name in monitor.names]].astype(np.float64)
    deviation = np.nanstd(rows, axis=0)
    alone = [found(monitor, rows, step, 20) >= 0.95 for step in np.diag(deviation)]
    wild = np.array([np.log(2.0) * name.startswith("log_rv") for name in monitor.names])
    return (
        found(monitor, rows, deviation),
        float(np.mean(alone)),
        found(monitor, rows, wild),
        a_month(monitor, rows),
    )


def error_drift(data: Dataset) -> tuple[float, float]:
    """Return what is found of outcomes twice as wild as forecast, and the false alarms a month."""
    half = len(data.times) * 2 // 3
    har = fit_har(data.x[:half], data.log_volatility[:half], data.features)
    forecast = har.predict(data.x, data.features)
    usual = error_rows(data.log_volatility, forecast)[:half]
    monitor = day_monitor(ERROR_NAMES, usual, data.times[:half])
    wild = error_rows(data.log_volatility + np.log(2.0), forecast)[:half]
    return found(monitor, wild, 0.0), a_month(monitor, usual)
