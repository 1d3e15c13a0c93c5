"""Whether a run uses compiled kernels, and how they come to be.

Both backends give the same bits, so only time decides. Compiled code that is on the disk is used.
Otherwise a short run is done in plain Python at once, and the kernels are compiled after it for the
next one; a long run waits for them. `NOCTURNE_COMPILE` overrides this: ``now`` always compiles
before the run, ``never`` always runs plain.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trading.errors import ParameterError, SettingsError

if TYPE_CHECKING:
    import subprocess

    from cli.compilation.worker import CompileOrder
    from trading.research.search_task import SearchTask
    from trading.simulation.readiness import KernelNeeds, What
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

CHOICES = ("auto", "now", "never")
SHORT_SECONDS = 10.0
"""A run that plain Python finishes in this time is not worth waiting for the compiler.

On two cores the kernels of a search take 6 s to compile, those of ICT 10 s.
"""
CANDLE_SECONDS = 7e-6
"""Plain Python's time for one candle and one set of signals; most strategies take 3 to 11 us."""
_ordered: list[CompileOrder] = []
_TRIED = 3_000
"""Candles that a search tries in plain Python; the trades of its combinations hardly count."""


def uses_compiled(
    strategy: Strategy,
    params: Mapping[str, Value],
    base_ms: int,
    what: What,
    plain_seconds: Callable[[], float],
) -> bool:
    """Decide the backend of a run that takes ``plain_seconds`` in plain Python, and prepare it.

    True once the kernels can be loaded. Standard error says what happens. A kernel that does
    not compile is a `ParameterError`.
    """
    from cli.backtesting.results import say
    from trading.jit.compiler import enable
    from trading.simulation.readiness import KernelNeeds

    choice = _choice()
    if choice == "never":
        return False
    kept = enable() is not None
    needs = KernelNeeds.of(strategy, params, base_ms, what)
    missing = needs.missing
    if not missing:
        return True
    if choice == "auto" and plain_seconds() <= SHORT_SECONDS:
        if kept:
            _ordered.extend(_orders(strategy, needs, base_ms))
            say("first use: running uncompiled, and compiling in the background for the next run")
        return False
    say("compiling for this machine, once; the next run starts at once ...")
    if kept:
        _wait_for([order.start() for order in _orders(strategy, needs, base_ms)])
    return True


def start_ordered() -> None:
    """Start the compilers that plain runs have ordered; called when a command ends.

    Started beside the run they would take half of its speed on two threads of one core.
    """
    for order in _ordered:
        order.start_behind()
    _ordered.clear()


def plain_search_seconds(
    task: SearchTask, groups: int, some: Sequence[Mapping[str, Value]]
) -> float:
    """Estimate the processor's time of ``groups`` sets of signals in plain Python, by a trial.

    ``some`` are combinations of different sets. The compiler would wait for a busy machine as long
    as plain Python does.
    """
    tried = task.candles.rows(0, min(_TRIED, len(task.candles)))
    trial = replace(task, candles=tried, start_ms=None, compiled=False)
    started = time.process_time()
    trial.run(some)
    seconds = time.process_time() - started
    return seconds * groups / len(some) * len(task.candles) / len(tried)


def _choice() -> str:
    from trading.jit.backends import COMPILE_VARIABLE

    choice = os.environ.get(COMPILE_VARIABLE, CHOICES[0])
    if choice not in CHOICES:
        raise SettingsError(
            f"{COMPILE_VARIABLE} = '{choice}' is not known; give {', '.join(CHOICES)}"
        )
    return choice


def _orders(strategy: Strategy, needs: KernelNeeds, base_ms: int) -> list[CompileOrder]:
    """Return an order for each missing part: they compile side by side."""
    from cli.compilation.worker import CompileOrder

    return [
        CompileOrder.of(strategy, needs.setup.params, base_ms, needs.what, part)
        for part in needs.missing
    ]


def _wait_for(compilers: list[subprocess.Popen[str]]) -> None:
    try:
        failed = [said for c in compilers if (said := c.communicate()[1]) and c.returncode]
    finally:
        for compiler in compilers:
            if compiler.poll() is None:
                compiler.kill()
                compiler.wait()
    if failed:
        raise ParameterError(failed[0].strip().splitlines()[-1])
