"""One executor an account: a second one ends before it sends anything."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trading.errors import SettingsError


@contextmanager
def single_instance(state: Path) -> Iterator[None]:
    """Hold the lock of a state folder; the kernel drops it when the process dies, however it dies.

    Raises:
        SettingsError: another executor holds it.
    """
    path = state / "executor.lock"
    try:
        state.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(
            f"state folder {state} cannot be written ({error.strerror}); see paths.state"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise SettingsError(
                f"an executor already runs on {state} (process {holder}); stop it first with"
                " `nocturne executor stop`"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
