"""Steps as Prefect tasks, progress as artifacts and log lines of the run."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import State, Task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import deployment, flow_run
from prefect.states import Completed
from prefect.task_engine import TaskRunTimeoutError
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.engine.engine import (
    FlowStep,
    Link,
    Note,
    Outcome,
    RunRecord,
    RunTable,
    Say,
    outcome_of,
    placed,
    progress_line,
    timed,
)
from flows.engine.request import FlowArguments, FlowRequest, make_request
from flows.engine.run_names import run_name, run_tags
from flows.engine.runners import Runner, starting_runner
from flows.engine.step_processes import StepProcesses
from flows.pipeline import BODIES, FlowResult
from lake.releases import FlowRun
from trading.errors import SettingsError

logger = logging.getLogger("flows.run")

P = ParamSpec("P")
T = TypeVar("T")


class PrefectEngine:
    """Runs steps inside the current flow run; ``say`` is its terminal, if it has one.

    With Dask the tasks themselves run on the workers of the cluster, by `prefect_dask`.
    """

    def __init__(
        self, run: FlowRun, threads: int, say: Say | None = None, runner: Runner | None = None
    ) -> None:
        self.run = run
        self._threads = threads
        self._terminal = say
        self._runner = runner or Runner(None, StepProcesses())

    def call(self, step: FlowStep[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `flows.engine.engine.FlowEngine.call`."""
        with timed(self.say, step.name):
            return as_task(placed(step, self._runner))(*args, **kwargs)

    def each(
        self,
        step: FlowStep[Concatenate[str, P], T],
        keys: Sequence[str],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> list[Outcome[T]]:
        """See `flows.engine.engine.FlowEngine.each`."""
        if not keys:
            return []
        outcomes: dict[str, Outcome[T]] = {}
        progress = create_progress_artifact(
            0.0,
            key=_slug(f"{step.name}-progress"),
            description=f"### Progress of {step.name}\n{len(keys)} keys: {', '.join(keys)}",
        )
        bar = cast(UUID, progress)
        runner, one = self._tasks(step)
        parameters = inspect.signature(step.work)
        with timed(self.say, step.name), runner:
            futures: dict[PrefectFuture[T], str] = {
                runner.submit(
                    as_task(one, f"{step.name} {key}"),
                    dict(parameters.bind(key, *args, **kwargs).arguments),
                ): key
                for key in keys
            }
            for future in as_completed(list(futures)):
                key = futures[future]
                outcomes[key] = _outcome(step.name, key, future)
                update_progress_artifact(bar, 100.0 * len(outcomes) / len(keys))
                self.say(progress_line(step.name, outcomes[key], len(outcomes), len(keys)))
        return [outcomes[key] for key in keys]

    def _tasks(self, step: FlowStep[P, T]) -> tuple[TaskRunner[Any], FlowStep[P, T]]:
        """Return Prefect's task runner, and the step as it runs there."""
        if self._runner.address is None:
            return ThreadPoolTaskRunner(self._threads), placed(step, self._runner)
        try:
            from prefect_dask.task_runners import DaskTaskRunner
        except ImportError as error:
            raise SettingsError(
                "runner.kind = 'dask' needs the package prefect-dask under a Prefect server;"
                " install the extra: pip install 'nocturne[scale]'"
            ) from error
        return DaskTaskRunner(address=self._runner.address), step

    def say(self, text: str) -> None:
        """See `flows.engine.engine.FlowEngine.say`; the line also goes to the run's log."""
        logger.info(text)
        if self._terminal is not None:
            self._terminal(text)

    def keep(self, record: RunRecord) -> None:
        """Keep the record as an artifact of the run."""
        key, description = _slug(record.key), record.description
        match record:
            case Note():
                create_markdown_artifact(record.markdown, key=key, description=description)
            case RunTable():
                rows = [dict(row) for row in record.rows]
                create_table_artifact(rows, key=key, description=description)
            case Link():
                create_link_artifact(record.url, record.text, key=key, description=description)


def as_task(step: FlowStep[P, T], run_name: str | None = None) -> Task[P, T]:
    """Make ``step`` a Prefect task.

    Prefect caches nothing: an input path stays the same when the data behind it changes. Every step
    decides from content hashes whether it has work to do. In a thread the time limit ends Python
    code; a call into compiled code returns first.
    """
    return Task(
        step.work,
        name=step.name,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        persist_result=False,
        timeout_seconds=step.timeout_s,
        retries=step.retries,
        retry_delay_seconds=[1.0, 5.0, 15.0][: step.retries] or None,
        retry_condition_fn=_worth_a_retry,
    )


def _worth_a_retry(task_: Any, run: Any, state: Any) -> bool:
    del task_, run
    error = state.result(raise_on_failure=False)
    # A step that used up its time would use it up again; its error counts as an `OSError`.
    return isinstance(error, OSError) and not isinstance(error, TaskRunTimeoutError)


def _outcome(name: str, key: str, future: PrefectFuture[T]) -> Outcome[T]:
    try:
        value = future.result(raise_on_failure=False)
    except Exception as error:  # the worker of a task died too often to report its state
        value = cast(T, error)
    if isinstance(value, BaseException):
        return outcome_of(name, key, value, None)
    return outcome_of(name, key, None, value)


def _slug(text: str) -> str:
    """Return ``text`` as an artifact key: lower case with dashes."""
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())


LEFT_OUT_STATE = "LeftOut"
"""Name of the completed state of a run that left something out."""

TERMINAL: ContextVar[Say | None] = ContextVar("nocturne_terminal", default=None)
"""Where a flow started from a terminal shows its progress; deployed runs have none."""


def run_flow(name: str, arguments: FlowArguments) -> State[FlowResult]:
    """Run the body ``name`` in the current flow run; its final state says what was left out.

    Without ``as_of`` a scheduled run works as of its scheduled time, so that a run repeated after a
    crash reads what the first one would have read; on the bundled sample, as of its end.
    """
    request = make_request(arguments, flow=name, default_as_of=flow_run.scheduled_start_time)
    run = FlowRun(id=str(flow_run.id), name=run_name(name, request.as_of))
    _describe(run, name, request)
    settings = request.settings
    with starting_runner(settings.runner, settings.threads) as runner:
        engine = PrefectEngine(run, settings.threads, TERMINAL.get(), runner)
        result = BODIES[name](engine, request)
    if not result.left_out and not result.unusable:
        return Completed(message=result.message, data=result)
    _describe(run, name, request, left_out=True)
    return Completed(name=LEFT_OUT_STATE, message=_left_out_message(result), data=result)


def _left_out_message(result: FlowResult) -> str:
    """Return the message of a run that left something out, with the number of symbols and files."""
    count = len({item.symbol for item in result.left_out}) + len(result.unusable)
    return f"Completed, {count} left out: {result.message}"


def _describe(run: FlowRun, name: str, request: FlowRequest, *, left_out: bool = False) -> None:
    """Name and tag the run; a run from a terminal also notes its process, as a worker's runs do."""
    tags = dict.fromkeys(
        (*flow_run.tags, *run_tags(name, request.settings.venue, left_out=left_out))
    )
    process = None if deployment.id else str(os.getpid())
    with get_client(sync_client=True) as client:
        client.update_flow_run(
            UUID(run.id), name=run.name, tags=list(tags), infrastructure_pid=process
        )
