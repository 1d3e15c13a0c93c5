"""Steps under Prefect: each has a time limit and retries, in a thread too."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.testing.utilities import prefect_test_harness

from flows import tasks
from flows.engine.engine import FlowStep, Outcome
from flows.engine.prefect_engine import PrefectEngine, as_task
from lake.releases import FlowRun

STEPS = [step for step in vars(tasks).values() if isinstance(step, FlowStep)]
attempts: list[str] = []


def _spin(key: str) -> str:
    """Work for longer than any test waits, in Python."""
    attempts.append(key)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        sum(range(1000))
    return key


def _fail_once(key: str) -> str:
    attempts.append(key)
    if attempts.count(key) == 1:
        raise OSError("the disk is busy")
    return key


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_has_a_time_limit_and_retries_as_a_task(step: FlowStep[..., object]) -> None:
    task = as_task(step)
    assert task.timeout_seconds == step.timeout_s > 0
    assert task.retries == step.retries > 0
    assert task.retry_condition_fn is not None


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """Run Prefect's own test server."""
    with prefect_test_harness(server_startup_timeout=90):
        yield


def _each(step: FlowStep[[str], str], keys: list[str]) -> list[Outcome[str]]:
    attempts.clear()

    @flow
    def body() -> list[Outcome[str]]:
        return PrefectEngine(FlowRun(id="1", name="test"), 2).each(step, keys)

    return body()


@pytest.mark.slow
@pytest.mark.usefixtures("server")
@pytest.mark.timeout(180)
def test_a_step_in_a_thread_ends_at_its_time_limit_and_is_not_repeated() -> None:
    outcomes = _each(FlowStep("spin", _spin, timeout_s=1.0), ["a", "b"])
    assert [outcome.value for outcome in outcomes] == [None, None]
    assert all("timed out after 1.0 second" in str(outcome.error) for outcome in outcomes)
    assert sorted(attempts) == ["a", "b"]


@pytest.mark.slow
@pytest.mark.usefixtures("server")
@pytest.mark.timeout(180)
def test_a_step_in_a_thread_is_tried_again_after_an_operating_system_error() -> None:
    outcomes = _each(FlowStep("fail-once", _fail_once), ["a"])
    assert [outcome.value for outcome in outcomes] == ["a"]
    assert attempts == ["a", "a"]
