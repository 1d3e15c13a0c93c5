"""The executor as a process that gets Ctrl-C at one stage of its run and stands still there.

No exchange takes part: earlier stages that need one are passed over.
"""

from __future__ import annotations

import asyncio
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

AWAITED = {
    "clock": "executor.main:_clock",
    "control socket": "executor.operations.control_socket:ControlServer.start",
    "instruments": "executor.strategy.rollout:ReleaseRollout.connect",
    "accounts": "executor.app:App._check_account",
    "order recovery": "executor.reconciliation.order_recovery:OrderRecovery.settle",
    "reconciliation": "executor.reconciliation.reconciler:Reconciler.run_once",
    "strategies": "executor.strategy.rollout:ReleaseRollout.start",
}
"""Coroutine functions, in the order of a start."""
NEED_EXCHANGE = tuple(AWAITED)[2:]
RETURNED = {
    "settings": ("executor.main:load_settings",),
    "log": ("executor.main:_masker",),
    "ledger": ("executor.main:_ledger",),
    "build": ("executor.main:build",),
    "ready": ("executor.app:App._announce",),
    "stop": ("executor.app:App._announce", "executor.app:notify"),
}
"""Functions after whose return the signal comes; of several, after each."""
STAGES = (*AWAITED, *RETURNED)


def _patch(place: str, change: Callable[[Any], Any]) -> Any:
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = pkgutil.resolve_name(":".join([module, *owners]))
    return patch.object(owner, name, change(getattr(owner, name)))


@contextmanager
def stage(name: str, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` at a stage; a coroutine function then never returns."""

    async def passed(*_args: Any, **_kwargs: Any) -> bool:
        return True

    async def stands(*_args: Any, **_kwargs: Any) -> None:
        act()
        await asyncio.Event().wait()

    def returned(function: Any) -> Any:
        def acted(*args: Any, **kwargs: Any) -> Any:
            made = function(*args, **kwargs)
            act()
            return made

        return acted

    with ExitStack() as patched:
        for other in NEED_EXCHANGE:
            patched.enter_context(_patch(AWAITED[other], lambda _function: passed))
        for place in RETURNED.get(name, ()):
            patched.enter_context(_patch(place, returned))
        if name in AWAITED:
            patched.enter_context(_patch(AWAITED[name], lambda _function: stands))
        yield


if __name__ == "__main__":
    from cli.main import main

    chosen, settings = sys.argv[1:]
    sys.argv[1:] = ["executor", "run", "--settings", settings]
    with stage(chosen, lambda: os.kill(os.getpid(), signal.SIGINT)):
        main()
