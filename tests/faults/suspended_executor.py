"""The executor as a process that stops itself (SIGSTOP) between its first decision and the order.

Its clocks go on meanwhile, as in a machine that was suspended.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from executor.execution.order_manager import OrderManager
from executor.main import run


def install() -> None:
    """Stop once, before the first intent is recorded."""
    send, sent = OrderManager.send, False

    async def suspended(manager: OrderManager, *arguments: Any, **named: Any) -> Any:
        nonlocal sent
        if not sent:
            sent = True
            os.kill(os.getpid(), signal.SIGSTOP)
        return await send(manager, *arguments, **named)

    OrderManager.send = suspended  # type: ignore[method-assign]


if __name__ == "__main__":
    install()
    run(Path(sys.argv[1]), until_finished=True)
