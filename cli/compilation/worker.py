"""A process that compiles the kernels of one part of a run into the cache, then ends."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trading.errors import NocturneError

if TYPE_CHECKING:
    from trading.simulation.readiness import Part, What
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

BEHIND = "behind"
NICER = 10
"""How much nicer a process is that nobody waits for."""
_PROGRAM = (sys.executable, "-m", "cli.compilation.worker")


@dataclass(frozen=True, slots=True)
class CompileOrder:
    """Which kernels to compile: the run that needs them, without its candles."""

    strategy: str
    """``module:Class``, importable in a new process too."""
    params: Mapping[str, Value]
    base_ms: int
    what: What
    part: Part
    cache: str

    @classmethod
    def of(
        cls, strategy: Strategy, params: Mapping[str, Value], base_ms: int, what: What, part: Part
    ) -> CompileOrder:
        """Return the order for a part of a run, for the cache folder in use."""
        from trading.jit.compiler import current_folder

        kind = type(strategy)
        name = f"{kind.__module__}:{kind.__qualname__}"
        return cls(name, dict(params), base_ms, what, part, str(current_folder() or ""))

    def start_behind(self) -> None:
        """Start a low-priority process that outlives this one, unless one is already running."""
        name = f"{hashlib.sha256(self._text.encode()).hexdigest()[:24]}.order"
        with (Path(self.cache) / name).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
            # The process inherits the lock and holds it until it ends.
            subprocess.Popen(
                [*_PROGRAM, self._text, BEHIND],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )

    def start(self) -> subprocess.Popen[str]:
        """Start a process to wait for; its error output says what does not compile."""
        return subprocess.Popen(
            [*_PROGRAM, self._text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def _text(self) -> str:
        return json.dumps(asdict(self))


def carry_out(order: CompileOrder) -> None:
    """Compile what is ordered; a `NocturneError` says what does not compile."""
    from cli.inputs.strategy_choice import find_strategy
    from trading.jit.compiler import enable
    from trading.simulation.readiness import KernelNeeds

    enable(Path(order.cache))
    strategy = find_strategy(order.strategy)
    KernelNeeds.of(strategy, order.params, order.base_ms, order.what).compile(order.part)


def main() -> None:
    """Carry out the order of the first argument, with ``behind`` at low priority."""
    order = CompileOrder(**json.loads(sys.argv[1]))
    if BEHIND in sys.argv[2:]:
        with suppress(OSError):
            os.nice(NICER)
    try:
        carry_out(order)
    except NocturneError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
