"""What runs the steps of a flow: this process alone, or Prefect.

A flow's body (`flows.pipeline`) is written once against `FlowEngine`. `PlainEngine` runs it with
threads and without a server; `flows.engine.prefect_engine.PrefectEngine` runs each step as a
Prefect task. A step keeps the parameters of its function in its type, so that mypy checks the
arguments of every call.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import pyarrow as pa

from flows.engine.runners import Runner, starting_runner
from flows.settings import RunnerSettings
from lake.releases import FlowRun
from trading.errors import NocturneError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FlowStep(Generic[P, T]):
    """A pure function that a flow runs as one task: seconds to minutes of work on one partition.

    Arguments are keys, paths and settings, never frames. A step is retried after an `OSError`,
    which may pass, but not after a user's mistake or bad data. A step that is ``isolated`` runs in
    a process of its own, because its compiled code may crash beside other threads. ``ready``, with
    the same arguments, returns what the lake holds already, or None: that needs no process.
    """

    name: str
    work: Callable[P, T]
    retries: int = 2
    timeout_s: float = 1800.0
    isolated: bool = False
    ready: Callable[P, T | None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """Result of a step for one key: a value, or one sentence on why there is none."""

    key: str
    value: T | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A markdown text about a run."""

    key: str
    description: str
    markdown: str


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table about a run; every row has the same columns."""

    key: str
    description: str
    rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link to something that a run made."""

    key: str
    description: str
    url: str
    text: str


RunRecord = Note | RunTable | Link


class FlowEngine(Protocol):
    """Runs steps and reports progress."""

    @property
    def run(self) -> FlowRun:
        """The flow run that the steps belong to."""
        ...

    def call(self, step: FlowStep[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``step`` once; its exception ends the flow."""
        ...

    def each(
        self,
        step: FlowStep[Concatenate[str, P], T],
        keys: Sequence[str],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[Outcome[T]]:
        """Run ``step(key, *args)`` for every key in parallel; a failed key does not stop the rest.

        Outcomes are in the order of ``keys``.
        """
        ...

    def say(self, text: str) -> None:
        """Report one line of progress."""
        ...

    def keep(self, record: RunRecord) -> None:
        """Keep a record with the run, where the engine has a place for it."""
        ...


class Console:
    """Progress lines with the seconds since the start, written at once."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._start = time.monotonic()
        self._write = write or (lambda line: print(line, flush=True))

    def __call__(self, text: str) -> None:
        """Write one line."""
        self._write(f"[{time.monotonic() - self._start:6.1f} s] {text}")


def error_message(error: BaseException) -> str:
    """Return the error as a user reads it; a bug is shown with its type."""
    if isinstance(error, NocturneError):
        return str(error)
    return f"{type(error).__name__}: {error}"


class PlainEngine:
    """Runs the steps without a server; progress goes to ``say``, `close` ends what they ran in."""

    def __init__(
        self, name: str, threads: int, say: Say, runner: RunnerSettings | None = None
    ) -> None:
        self.run = FlowRun(id=str(uuid.uuid4()), name=f"{name} (without a Prefect server)")
        self._threads = threads
        self._say = say
        self._settings = runner or RunnerSettings()
        self._ending = ExitStack()
        self._started: Runner | None = None

    @property
    def _runner(self) -> Runner:
        """The runner, started when the first step needs it."""
        if self._started is None:
            starting = starting_runner(self._settings, self._threads)
            self._started = self._ending.enter_context(starting)
        return self._started

    def close(self) -> None:
        """End the processes or the cluster that steps ran in."""
        self._started = None
        self._ending.close()

    def call(self, step: FlowStep[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `FlowEngine.call`."""
        with timed(self.say, step.name):
            return attempt(placed(step, self._runner), *args, **kwargs)

    def each(
        self,
        step: FlowStep[Concatenate[str, P], T],
        keys: Sequence[str],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[Outcome[T]]:
        """See `FlowEngine.each`."""
        one = placed(step, self._runner)

        def work(key: str) -> T:
            return attempt(one, key, *args, **kwargs)

        with timed(self.say, step.name), ThreadPoolExecutor(self._threads) as pool:
            futures = {pool.submit(work, key): key for key in keys}
            done = collect_outcomes(step.name, as_completed(futures), futures, self.say)
        return [done[key] for key in keys]

    def say(self, text: str) -> None:
        """See `FlowEngine.say`."""
        self._say(text)

    def keep(self, record: RunRecord) -> None:
        """Log the record; what it says is also in the lake and in the report."""
        logger.debug("%s: %s", record.key, record)


def placed(step: FlowStep[P, T], runner: Runner) -> FlowStep[P, T]:
    """Return a step that runs where ``runner`` and the step want it."""
    work = runner.place(step.work, isolated=step.isolated)
    if step.ready is None or work is step.work:
        return replace(step, work=work)
    ready = step.ready

    @functools.wraps(step.work)
    def found_or_made(*args: P.args, **kwargs: P.kwargs) -> T:
        found = ready(*args, **kwargs)
        made: T = work(*args, **kwargs) if found is None else found
        return made

    return replace(step, work=found_or_made)


def attempt(step: FlowStep[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a step; after an `OSError` try again, as often as the step allows."""
    for left in range(step.retries, 0, -1):
        try:
            return step.work(*args, **kwargs)
        except OSError as error:
            logger.warning("%s: %s; %d attempts left", step.name, error, left)
    return step.work(*args, **kwargs)


def collect_outcomes(
    name: str, finished: Iterable[Future[T]], keys: dict[Future[T], str], say: Say
) -> dict[str, Outcome[T]]:
    """Collect futures as they finish, with a progress line for each."""
    outcomes: dict[str, Outcome[T]] = {}
    for future in finished:
        key = keys[future]
        error = future.exception()
        outcomes[key] = outcome_of(name, key, error, None if error else future.result())
        say(progress_line(name, outcomes[key], len(outcomes), len(keys)))
    return outcomes


def outcome_of(name: str, key: str, error: BaseException | None, value: T | None) -> Outcome[T]:
    """Make an outcome; an error that is not a user's mistake is logged with its traceback."""
    if error is None:
        return Outcome(key, value)
    if not isinstance(error, NocturneError):
        logger.error("%s failed for %s", name, key, exc_info=error)
    return Outcome(key, error=error_message(error))


def progress_line(name: str, outcome: Outcome[Any], count: int, total: int) -> str:
    """Format progress: ``optimize 2/4 ##########·········· breakout/ETHUSDT``."""
    filled = round(20 * count / total)
    bar = "#" * filled + "·" * (20 - filled)
    failed = f" failed: {outcome.error}" if outcome.error else ""
    return f"{name} {count}/{total} {bar} {outcome.key}{failed}"


def return_memory() -> None:
    """Give back to the system what a step has freed: Arrow and the C library would keep it."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it
    if trim is not None:
        trim(0)


@contextmanager
def timed(say: Say, name: str) -> Iterator[None]:
    """Report that a step begins and, unless it raises, how long it took."""
    start = time.monotonic()
    say(f"{name} …")
    yield
    return_memory()
    say(f"{name} done in {time.monotonic() - start:.1f} s")
