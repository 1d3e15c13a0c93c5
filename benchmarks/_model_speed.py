"""What it costs to train and gate the models of many symbols, and how the cost grows."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from flows.steps.models.train import train
from lake.store import Lake

WORKERS = 2


@dataclass(frozen=True)
class Taken:
    """Seconds of the clock and of the processors, with the start of the workers."""

    wall: float
    processor: float


def trained(root: Path, as_of: datetime, symbols: Sequence[str]) -> Taken:
    """Train and gate every symbol on two processes, one task a symbol, as the nightly does.

    Models that the lake holds already are not trained again: train each symbol once.
    """
    begin, before = time.perf_counter(), _processor()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        models = sum(pool.map(partial(_one, root, as_of), symbols))
    assert models == 2 * len(symbols), "a symbol was left out"
    return Taken(time.perf_counter() - begin, _processor() - before)


def _one(root: Path, as_of: datetime, symbol: str) -> int:
    result = train(Lake(root), as_of=as_of, symbols=[symbol])
    assert not result.skipped
    return len(result.models)


def _processor() -> float:
    """Return the processor time of the processes that have ended, and of this one."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
