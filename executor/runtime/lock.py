"""One executor per account: a second one ends before it sends anything.

The lock of the state folder keeps two processes off one ledger. The lock of the account is an
abstract socket: one process on a machine can have it, whatever its state folder, and it vanishes
with the process. It does not see executors on other machines.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trading.errors import SettingsError


@contextmanager
def single_instance(state: Path) -> Iterator[None]:
    """Hold the lock of a state folder; the kernel drops it when the process dies.

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


@contextmanager
def single_account(rest_url: str, key: str) -> Iterator[None]:
    """Hold the lock of an exchange account, known by the exchange's address and the API key.

    Raises:
        SettingsError: another executor on this machine holds it.
    """
    # A hash: everybody on the machine can read the names of abstract sockets.
    digest = hashlib.sha256(f"{rest_url}\0{key}".encode()).hexdigest()[:32]
    name = f"\0nocturne-account-{digest}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(name)
        except OSError as error:
            raise SettingsError(
                f"another executor{_process_behind(name)} trades this account at {rest_url}; stop"
                " it first: two would trade on each other's positions"
            ) from error
        holder.listen(1)
        yield


def _process_behind(name: str) -> str:
    """The process that listens on an abstract socket, as ` (process 1234)`; empty if unknown."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(name)
            size = struct.calcsize("3i")
            process, _, _ = struct.unpack(
                "3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            )
        except OSError:
            return ""
    return f" (process {process})"
