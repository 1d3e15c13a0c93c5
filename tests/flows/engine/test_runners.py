"""Threads, processes and Dask give the same bytes, and a worker that dies changes nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.engine import dask_cluster
from flows.engine import engine as engine_module
from flows.engine.engine import FlowStep, PlainEngine
from flows.engine.request import FlowArguments
from flows.hosting.launch import launch
from flows.pipeline import FlowResult
from flows.settings import RunnerSettings, load_settings
from lake.releases import read_current
from tests.flows.sample import AS_OF, lake_state, write_sample, write_settings
from tests.waiting import until
from trading.errors import DataError, SettingsError

KINDS = ("threads", "processes", "dask")


def where(key: str) -> tuple[str, int]:
    return key, os.getpid()


def refuse(key: str) -> str:
    raise DataError(f"{key} has no candles")


def wait_for(key: str, folder: Path) -> str:
    """Say which process works, and wait until a file appears."""
    (folder / f"{key}-{os.getpid()}").touch()
    until("go", (folder / "go").exists, 60)
    return key


@pytest.fixture(params=["processes", pytest.param("dask", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> Iterator[PlainEngine]:
    if request.param == "dask":
        pytest.importorskip("distributed")
    found = PlainEngine("test", 2, [].append, RunnerSettings(kind=request.param))
    yield found
    found.close()


def test_steps_run_in_other_processes(engine: PlainEngine) -> None:
    outcomes = engine.each(FlowStep("where", where), ["A", "B", "C", "D"])
    values = [outcome.value for outcome in outcomes if outcome.value]
    assert [key for key, _ in values] == ["A", "B", "C", "D"]
    assert os.getpid() not in {pid for _, pid in values}
    assert len({pid for _, pid in values}) <= 2
    (refused,) = engine.each(FlowStep("refuse", refuse), ["A"])
    assert refused.error == "A has no candles"


def test_a_worker_that_is_killed_in_a_step_changes_nothing(
    engine: PlainEngine, tmp_path: Path
) -> None:
    def kill_the_first() -> None:
        """Kill the worker of A when it works, then let the steps end."""
        mark = until("worker of A", lambda: next(tmp_path.glob("A-*"), None), 60)
        os.kill(int(mark.name.removeprefix("A-")), signal.SIGKILL)
        until("second worker of A", lambda: len(list(tmp_path.glob("A-*"))) > 1, 60)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    outcomes = engine.each(FlowStep("wait", wait_for), ["A", "B"], tmp_path)
    killer.join(60)
    assert [outcome.value for outcome in outcomes] == ["A", "B"]


def test_the_runner_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOCTURNE_RESEARCH_RUNNER__KIND", "dask")
    monkeypatch.setenv("NOCTURNE_RESEARCH_RUNNER__ADDRESS", "tcp://10.0.0.5:8786")
    assert load_settings().runner == RunnerSettings(kind="dask", address="tcp://10.0.0.5:8786")
    monkeypatch.setenv("NOCTURNE_RESEARCH_RUNNER__ADDRESS", "10.0.0.5")
    with pytest.raises(SettingsError, match=r"'runner.address' is '10.0.0.5'"):
        load_settings()
    monkeypatch.setenv("NOCTURNE_RESEARCH_RUNNER__KIND", "ray")
    with pytest.raises(SettingsError, match=r"'runner.kind' is 'ray'"):
        load_settings()


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_cluster, "_WAIT_S", 0.5)
    engine = PlainEngine(
        "test", 1, [].append, RunnerSettings(kind="dask", address="tcp://127.0.0.1:9")
    )
    with pytest.raises(SettingsError, match=r"no Dask cluster .* answers at tcp://127.0.0.1:9"):
        engine.each(FlowStep("where", where), ["A"])


@pytest.mark.slow
def test_workers_with_another_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_cluster, "code_version", lambda: "0" * 64)
    engine = PlainEngine("test", 1, [].append, RunnerSettings(kind="dask"))
    with pytest.raises(
        SettingsError, match=r"has nocturne \(code\) [0-9a-f]{12}, here it is 000000000000"
    ):
        engine.each(FlowStep("where", where), ["A"])


def night(folder: Path, kind: str, server: str, monkeypatch: pytest.MonkeyPatch) -> FlowResult:
    """Run a nightly with models into a lake of its own."""
    monkeypatch.setenv("NOCTURNE_RESEARCH_RUNNER__KIND", kind)
    arguments = FlowArguments(
        AS_OF, folder / f"{kind}-{server}", folder / "sample", ("BTCUSDT", "ETHUSDT")
    )
    return launch(
        "nightly",
        arguments,
        settings=write_settings(folder, models=True),
        server=server,
        say=lambda _line: None,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_has_the_same_bytes_under_each_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("prefect_dask")
    write_sample(tmp_path / "sample", ("BTCUSDT", "ETHUSDT"))
    runs = [(kind, "none") for kind in KINDS] + [("dask", "private")]
    for kind, server in runs:
        assert night(tmp_path, kind, server, monkeypatch).left_out == ()
    first = tmp_path / "threads-none"
    expected = read_current(first / "published", AS_OF)
    for kind, server in runs[1:]:
        root = tmp_path / f"{kind}-{server}"
        release = read_current(root / "published", AS_OF)
        assert release.release_id == expected.release_id
        for file in expected.files:
            data = (release.folder / file.path).read_bytes()
            assert data == (expected.folder / file.path).read_bytes(), (kind, file.path)
        assert lake_state(root) == lake_state(first), kind


def test_a_step_returns_its_memory_and_a_c_library_that_cannot_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trimmed: list[int] = []
    for library in (SimpleNamespace(malloc_trim=trimmed.append), SimpleNamespace()):
        monkeypatch.setattr(
            engine_module, "ctypes", SimpleNamespace(CDLL=lambda _, own=library: own)
        )
        with engine_module.timed([].append, "step"):
            pass
    assert trimmed == [0]
