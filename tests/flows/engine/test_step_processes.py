"""A step in a process of its own: results, errors, crashes, and the end of the process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flows.engine.engine import FlowStep, PlainEngine
from flows.engine.step_processes import StepCrashedError, StepProcess, StepProcesses
from tests.waiting import until
from trading.errors import DataError


def where(key: str) -> tuple[str, int, str]:
    return key, os.getpid(), os.environ["OMP_NUM_THREADS"]


def refuse(key: str) -> str:
    raise DataError(f"{key} has no candles")


def crash_once(key: str, folder: Path) -> str:
    """End like a segmentation fault at the first attempt for ``BAD``, and always for ``WORSE``."""
    mark = folder / key
    if key == "WORSE" or (key == "BAD" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return f"done {key}"


def raise_unpicklable(key: str) -> str:
    class OwnError(Exception):
        pass

    raise OwnError(key)


def test_an_isolated_step_runs_in_another_process_with_one_thread_for_openmp() -> None:
    engine = PlainEngine("test", 2, [].append)
    outcomes = engine.each(FlowStep("where", where, isolated=True), ["A", "B", "C"])
    values = [outcome.value for outcome in outcomes]
    assert [value[0] for value in values if value] == ["A", "B", "C"]
    assert all(value and value[1] != os.getpid() and value[2] == "1" for value in values)


def test_a_crash_costs_one_attempt_of_one_key(tmp_path: Path) -> None:
    engine = PlainEngine("test", 2, [].append)
    step = FlowStep("crash", crash_once, retries=1, isolated=True)
    good, bad, worse = engine.each(step, ["GOOD", "BAD", "WORSE"], tmp_path)
    assert (good.value, bad.value) == ("done GOOD", "done BAD")
    assert worse.value is None
    assert worse.error == "StepCrashedError: the process of the step was ended by SIGSEGV"


def test_an_error_keeps_its_type_and_text() -> None:
    engine = PlainEngine("test", 1, [].append)
    (outcome,) = engine.each(FlowStep("refuse", refuse, isolated=True), ["A"])
    assert outcome.error == "A has no candles"
    with pytest.raises(DataError, match="A has no candles"):
        engine.call(FlowStep("refuse", refuse, isolated=True), "A")


def test_an_error_that_cannot_travel_keeps_its_text() -> None:
    with StepProcesses() as processes, pytest.raises(RuntimeError, match="OwnError: A"):
        processes.run(raise_unpicklable, ("A",), {})


def test_processes_end_with_their_owner() -> None:
    with StepProcesses() as processes:
        _, pid, _ = processes.run(where, ("A",), {})
        assert processes.pids == (pid,)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_process_is_replaced() -> None:
    with StepProcesses() as processes:
        _, pid, _ = processes.run(where, ("A",), {})
        os.kill(pid, signal.SIGKILL)
        until("end of the process", lambda: not processes.pids, 10)
        assert processes.run(where, ("A",), {})[1] != pid


def test_a_call_that_loses_its_process_says_how_it_ended() -> None:
    process = StepProcess()
    with pytest.raises(StepCrashedError, match="ended by SIGTERM"):
        process.run(os.kill, (process.pid, signal.SIGTERM), {})
    process.close()
