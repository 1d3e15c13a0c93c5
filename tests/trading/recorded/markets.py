"""Candles for recorded results: real ones, and coarse ones on which ties are common."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.trading.conftest import read_candles
from trading.candles import CandleColumns
from trading.errors import NocturneError

FOLDER = Path(__file__).parent


def real(symbol: str, first: int, rows: int) -> CandleColumns:
    """Candles of the bundled sample."""
    return read_candles(symbol).rows(first, first + rows)


def coarse(symbol: str, first: int, rows: int, step: float) -> CandleColumns:
    """The same with prices and volumes rounded so far that many are equal.

    A comparison that takes equal for greater, or the other way round, changes the result.
    """
    c = real(symbol, first, rows)
    prices = (np.round(column / step) * step for column in (c.open, c.high, c.low, c.close))
    volume = np.round(c.volume / (4.0 * np.median(c.volume))) * 10.0
    return CandleColumns.of(c.open_time, *prices, volume, c.interval_ms)


def number(value: float) -> str:
    """A number with nine digits: the bits are the same everywhere, the digits are for people."""
    return "-" if value != value else f"{value:.9g}"


def load(name: str) -> dict[str, Any]:
    """Return what was recorded under ``name``."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def total(column: np.ndarray) -> str:
    """A sum in which later rows weigh more; of words, how often each occurs."""
    if column.dtype.kind == "U":
        words, counts = np.unique(column, return_counts=True)
        return ", ".join(f"{n} x {word}" for word, n in zip(words, counts, strict=True))
    flat = column.reshape(-1).astype(float).tolist()
    known = [(place + 1.0) * value for place, value in enumerate(flat) if value == value]
    return f"{len(known)} known, {math.fsum(known):.10g} in all"


def described(name: str, value: Any) -> list[str]:
    """One line for each part of a result; sums are of BLAS, so nine digits are too many."""
    if isinstance(value, NocturneError):
        return [f"{name}: {type(value).__name__}: {value}"]
    if isinstance(value, np.ndarray):
        return [f"{name}: {total(value)}"]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: getattr(value, one.name) for one in fields(value)}
        return [line for part, own in parts.items() for line in described(f"{name}, {part}", own)]
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return [line for k, v in value.items() for line in described(f"{name}, {k}", v)]
    if isinstance(value, (list, tuple)):
        return [line for n, v in enumerate(value) for line in described(f"{name} {n}", v)]
    if isinstance(value, (bool, int, str, np.bool_, np.integer)) or value is None:
        return [f"{name}: {value}"]
    return [f"{name}: {float(value):.7g}"]


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or how it is refused."""
    try:
        return call()
    except NocturneError as error:
        return error
