"""Steps as Prefect tasks, progress as artifacts and log lines of the run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from prefect import Task, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.states import Completed, State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.engine.engine import Outcome, Run, Say, Step, outcome_of, progress_line, timed
from flows.engine.request import make_request
from flows.pipeline import BODIES, FlowResult

logger = logging.getLogger("flows.run")

T = TypeVar("T")


class PrefectEngine:
    """Runs steps inside the current flow run; ``say`` is the terminal of a run that has one."""

    def __init__(self, threads: int, say: Say | None = None) -> None:
        self.run = Run(str(flow_run.id), str(flow_run.name))
        self._threads = threads
        self._terminal = say

    def call(self, step: Step[T], *arguments: Any) -> T:
        """See `flows.engine.engine.Engine.call`."""
        with timed(self.say, step.name):
            return as_task(step).with_options(timeout_seconds=step.timeout_s)(*arguments)

    def each(self, step: Step[T], keys: Sequence[str], *arguments: Any) -> list[Outcome[T]]:
        """See `flows.engine.engine.Engine.each`."""
        if not keys:
            return []
        outcomes: dict[str, Outcome[T]] = {}
        bar = create_progress_artifact(0.0, key=_slug(f"{step.name}-progress"))
        with timed(self.say, step.name), ThreadPoolTaskRunner(self._threads) as runner:
            futures = {
                runner.submit(
                    as_task(step, f"{step.name} {key}"), _parameters(step.work, key, *arguments)
                ): key
                for key in keys
            }
            for future in as_completed(list(futures)):
                key = futures[future]
                outcomes[key] = _outcome(step.name, key, future)
                update_progress_artifact(bar, 100.0 * len(outcomes) / len(keys))
                self.say(progress_line(step.name, outcomes[key], len(outcomes), len(keys)))
        return [outcomes[key] for key in keys]

    def say(self, text: str) -> None:
        """See `flows.engine.engine.Engine.say`; the line also goes to the run's log."""
        logger.info(text)
        if self._terminal is not None:
            self._terminal(text)

    def note(self, key: str, markdown: str) -> None:
        """Keep ``markdown`` as an artifact of the run."""
        create_markdown_artifact(markdown, key=_slug(key))


def as_task(step: Step[T], run_name: str | None = None) -> Task[..., T]:
    """``step`` as a Prefect task.

    Nothing is cached by Prefect: an input path is the same when the data behind it changed. Every
    step decides itself, from content hashes, whether there is something to do. A time limit cannot
    interrupt work in a thread; the flow's own limit does.
    """
    return task(
        step.work,
        name=step.name,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=step.retries,
        retry_delay_seconds=[1.0, 5.0, 15.0][: step.retries] or None,
        retry_condition_fn=_worth_a_retry,
    )


def _worth_a_retry(task_: Any, run: Any, state: Any) -> bool:
    del task_, run
    return isinstance(state.result(raise_on_failure=False), OSError)


def _parameters(work: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    return dict(inspect.signature(work).bind(*arguments).arguments)


def _outcome(name: str, key: str, future: PrefectFuture[T]) -> Outcome[T]:
    value = future.result(raise_on_failure=False)
    if isinstance(value, BaseException):
        return outcome_of(name, key, value, None)
    return outcome_of(name, key, None, value)


def _slug(text: str) -> str:
    """Artifact keys are lower case with dashes."""
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())


TERMINAL: ContextVar[Say | None] = ContextVar("nocturne_terminal", default=None)
"""Where a flow that was started from a terminal shows its progress; deployed runs have none."""


def run_flow(
    name: str,
    as_of: str | None,
    lake: str | None,
    sample: str | None,
    symbols: list[str] | None,
) -> State[FlowResult]:
    """Run the body ``name`` in the current flow run; its final state says what was left out.

    Without ``as_of`` a scheduled run works as of the time that it was scheduled for: when it is run
    again after a crash, it sees what it would have seen.
    """
    scheduled = flow_run.scheduled_start_time
    request = make_request(as_of, lake, sample, symbols, default_as_of=scheduled)
    engine = PrefectEngine(request.settings.threads, TERMINAL.get())
    result = BODIES[name](engine, request)
    return Completed(message=result.message, data=result)
