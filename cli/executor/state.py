"""The answers of a running executor in words: what it does, and what a stop has stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from executor.operations.control_socket import NAME
from trading.errors import NocturneError

END_WITHIN_S = 30.0
LOOK_S = 0.05

Answer = Mapping[str, Any]


def status_text(answer: Answer) -> str:
    """Return the status for a terminal; `reasons` come first after the state."""
    why = reasons(answer)
    stream = answer["market_stream"]
    lines = {
        "executor": f"{answer['status']}, mode {answer['mode']}, account {answer['account']},"
        f" pid {answer['pid']}, market time {answer['market_time'][:19]}",
        "entries": f"none will be made: {'; '.join(why)}" if why else "on",
        "release": answer["release"] or "none",
        "positions": _positions(answer),
        "wallets": ", ".join(
            f"{one['wallet']} {one['asset']} at {one['venue']} (equity {one['equity']})"
            for one in answer["wallets"]
        )
        or "none yet",
        "stream": f"{'up' if stream['up'] else 'down'}, silent for {stream['silent_s']} s",
    }
    return "\n".join(f"{name:<10} {text}" for name, text in lines.items())


def reasons(answer: Answer) -> list[str]:
    """Return every reason why nothing will trade, in sentences; none if it will."""
    found = [answer["entries_off_because"]] if answer["entries_off_because"] else []
    if answer["release"] is None:
        found.append("there is no release; `nocturne flow nightly` publishes one")
    elif not answer["release_valid"]:
        found.append(f"release {answer['release']} has expired; `nocturne flow nightly` makes one")
    if not answer["market_stream"]["up"] and answer["release"] is not None:
        found.append("the market stream is down")
    missing = answer["warmup_total"] - answer["warmup_current"]
    if answer["release"] is not None and missing > 0:
        found.append(f"{missing} more closed candles are waited for")
    halted = [f"{symbol} is halted: {why}" for symbol, why in answer["halted"].items()]
    return found + halted


def stopped_text(before: Answer) -> str:
    """Return what was stopped, from the status just before."""
    held = before["positions"]
    rest = (
        f"{len(held)} open positions keep their protective orders: {_positions(before)}"
        if held
        else "no position was open"
    )
    return (
        f"stopped: executor of account {before['account']}, mode {before['mode']},"
        f" pid {before['pid']}; {rest}"
    )


def wait_for_end(state: Path, pid: int) -> None:
    """Wait until the executor is gone; `NocturneError` if it takes too long."""
    deadline = time.monotonic() + END_WITHIN_S
    while (state / NAME).exists() and _runs(pid):
        if time.monotonic() > deadline:
            raise NocturneError(
                f"the executor (pid {pid}) does not stop: it still runs after"
                f" {END_WITHIN_S:.0f} s; see {state / 'executor.log'}"
            )
        time.sleep(LOOK_S)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _positions(answer: Answer) -> str:
    return (
        ", ".join(
            f"{one['symbol']} {'long' if one['side'] > 0 else 'short'} {one['quantity']}"
            f" ({'protected' if one['protected'] else 'NOT PROTECTED'})"
            for one in answer["positions"]
        )
        or "none open"
    )
