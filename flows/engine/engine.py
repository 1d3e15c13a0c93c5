"""What runs the steps of a flow: this process alone, or Prefect.

A flow's body (`flows.pipeline`) is written once against `Engine`. `PlainEngine` runs it with
threads and no server; `flows.engine.prefect_engine.PrefectEngine` runs every step as a Prefect
task.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from trading.errors import NocturneError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """A pure function that a flow runs as one task: seconds to minutes of work on one partition.

    Arguments are keys, paths and settings, never frames. ``retries`` apply to what the world may
    mend (`OSError`), not to a user's mistake or bad data.
    """

    name: str
    work: Callable[..., T]
    retries: int = 2
    timeout_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """Result of a step for one key: a value, or one sentence on why there is none."""

    key: str
    value: T | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Who computed something: the id and the name of the flow run."""

    id: str
    name: str


class Engine(Protocol):
    """Runs steps; says what it does while it does it."""

    @property
    def run(self) -> Run:
        """The flow run that the steps belong to."""
        ...

    def call(self, step: Step[T], *arguments: Any) -> T:
        """Run ``step`` once; its exception ends the flow."""
        ...

    def each(self, step: Step[T], keys: Sequence[str], *arguments: Any) -> list[Outcome[T]]:
        """Run ``step(key, *arguments)`` for every key, side by side; a failed key stops no other.

        Outcomes are in the order of ``keys``.
        """
        ...

    def say(self, text: str) -> None:
        """One line of progress."""
        ...

    def note(self, key: str, markdown: str) -> None:
        """Keep a text with the run, where the engine has a place for it."""
        ...


class Console:
    """Progress lines with the seconds since the start, written at once."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._start = time.monotonic()
        self._write = write or (lambda line: print(line, flush=True))

    def __call__(self, text: str) -> None:
        """Write one line."""
        self._write(f"[{time.monotonic() - self._start:6.1f} s] {text}")


def sentence(error: BaseException) -> str:
    """What to tell the user of ``error``: its own sentence, or its type as well if it is a bug."""
    if isinstance(error, NocturneError):
        return str(error)
    return f"{type(error).__name__}: {error}"


class PlainEngine:
    """Runs the steps here: no server, threads for `each`, progress through ``say``."""

    def __init__(self, name: str, threads: int, say: Say) -> None:
        self.run = Run(str(uuid.uuid4()), f"{name} (without a Prefect server)")
        self._threads = threads
        self._say = say

    def call(self, step: Step[T], *arguments: Any) -> T:
        """See `Engine.call`."""
        with timed(self.say, step.name):
            return attempt(step, *arguments)

    def each(self, step: Step[T], keys: Sequence[str], *arguments: Any) -> list[Outcome[T]]:
        """See `Engine.each`."""
        with timed(self.say, step.name), ThreadPoolExecutor(self._threads) as pool:
            futures = {pool.submit(attempt, step, key, *arguments): key for key in keys}
            done = progress(step.name, as_completed(futures), futures, self.say)
        return [done[key] for key in keys]

    def say(self, text: str) -> None:
        """See `Engine.say`."""
        self._say(text)

    def note(self, key: str, markdown: str) -> None:
        """A plain run has no place for notes: what they say is in the lake and in the report."""
        logger.debug("%s: %s", key, markdown)


def attempt(step: Step[T], *arguments: Any) -> T:
    """Run a step, again after an `OSError` as often as the step allows."""
    for left in range(step.retries, 0, -1):
        try:
            return step.work(*arguments)
        except OSError as error:
            logger.warning("%s: %s; %d attempts left", step.name, error, left)
    return step.work(*arguments)


def progress(
    name: str, finished: Iterable[Future[T]], keys: dict[Future[T], str], say: Say
) -> dict[str, Outcome[T]]:
    """Collect futures as they finish, with a line for each."""
    outcomes: dict[str, Outcome[T]] = {}
    for future in finished:
        key = keys[future]
        error = future.exception()
        outcomes[key] = outcome_of(name, key, error, None if error else future.result())
        say(progress_line(name, outcomes[key], len(outcomes), len(keys)))
    return outcomes


def outcome_of(name: str, key: str, error: BaseException | None, value: T | None) -> Outcome[T]:
    """An outcome; an error that is no user's mistake is logged with its traceback."""
    if error is None:
        return Outcome(key, value)
    if not isinstance(error, NocturneError):
        logger.error("%s failed for %s", name, key, exc_info=error)
    return Outcome(key, error=sentence(error))


def progress_line(name: str, outcome: Outcome[Any], count: int, total: int) -> str:
    """``optimize 2/4 ##########·········· breakout/ETHUSDT``."""
    filled = round(20 * count / total)
    bar = "#" * filled + "·" * (20 - filled)
    failed = f" failed: {outcome.error}" if outcome.error else ""
    return f"{name} {count}/{total} {bar} {outcome.key}{failed}"


class timed:  # noqa: N801 - reads as a keyword in a with statement
    """Say when a step begins, and how long it took when it went well."""

    def __init__(self, say: Say, name: str) -> None:
        self._say, self._name = say, name

    def __enter__(self) -> None:
        self._start = time.monotonic()
        self._say(f"{self._name} …")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self._say(f"{self._name} done in {time.monotonic() - self._start:.1f} s")
