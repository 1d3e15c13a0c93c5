"""Steps in processes of their own: a crash of compiled code costs one attempt, never the night."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self

logger = logging.getLogger(__name__)

_LOOK_S = 0.2


class StepCrashedError(OSError):
    """The process of a step ended before the step did; another attempt gets a new process."""


class StepProcess:
    """One process that runs calls, one after another.

    It starts afresh (``spawn``), so it shares no lock, thread or compiled state with this one, and
    it ends with this one. OpenMP has one thread in it: the cores belong to the other processes.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return int(self._process.pid or 0)

    @property
    def alive(self) -> bool:
        """Whether it can take a call."""
        return self._process.is_alive()

    def run(
        self, work: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run ``work``, a function of a module, and return its result or raise its exception.

        Raises `StepCrashedError` when the process ends first. An exception in the calling thread,
        such as a time limit, ends the process.
        """
        try:
            self._connection.send((work, args, dict(kwargs)))
            while not self._connection.poll(_LOOK_S):
                if not self._process.is_alive() and not self._connection.poll(0):
                    raise EOFError
            error, value = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as lost:
            self._process.join(1.0)
            raise StepCrashedError(_how_it_ended(self._process.exitcode)) from lost
        except BaseException:
            self.close()
            raise
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the process at once; every write of a step is atomic."""
        self._process.kill()
        self._process.join()
        self._connection.close()


class StepProcesses:
    """Processes that run the calls of many threads: one call each at a time.

    They start when they are needed, are used again, and end together.
    """

    def __init__(self) -> None:
        self._idle: list[StepProcess] = []
        self._all: list[StepProcess] = []
        self._lock = threading.Lock()

    def run(
        self, work: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run ``work`` in an idle process; see `StepProcess.run`."""
        process = self._take()
        try:
            return process.run(work, args, kwargs)
        finally:
            with self._lock:
                if process.alive:
                    self._idle.append(process)
                else:
                    self._all.remove(process)

    def _take(self) -> StepProcess:
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.alive:
                    return process
                self._all.remove(process)
        process = StepProcess()
        with self._lock:
            self._all.append(process)
        return process

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the processes that run."""
        with self._lock:
            return tuple(process.pid for process in self._all if process.alive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            for process in self._all:
                process.close()
            self._all.clear()
            self._idle.clear()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"the process of the step was ended by {signal.Signals(-code).name}"
    return f"the process of the step ended with status {code}"


def _serve(connection: Connection) -> None:
    """Run calls until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's affair
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            work, args, kwargs = connection.recv()
        except (EOFError, OSError):
            return
        try:
            connection.send((None, work(*args, **kwargs)))
        except Exception as error:
            connection.send((_portable(error), None))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return ``error``, or its text when it cannot travel between processes."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (made just here)
    except Exception:
        logger.exception("a step raised an error that cannot be passed on")
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
