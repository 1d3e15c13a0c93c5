"""Checked candles of the lake (see `lake.series`), and the compiled kernels of the simulation."""

from __future__ import annotations

import threading

from lake.series import load_candles

__all__ = ["load_candles", "start_compiling"]

_compiling = threading.Lock()
_started = threading.Event()


def start_compiling() -> None:
    """Keep compiled kernels on disk; only once per process, since it drops earlier compilations."""
    from trading.jit import compiler

    with _compiling:
        if not _started.is_set():
            compiler.enable()
            _started.set()
