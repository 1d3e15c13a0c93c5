"""Where steps run: in threads, in processes, or on a Dask cluster; the results are the same bytes.

Threads are for steps that let go of the interpreter (Arrow, DuckDB, compiled kernels), which is
nearly all of them. Processes keep a crash of one step from the others, Dask adds machines.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from flows.engine.step_processes import StepProcesses
from flows.settings import RunnerSettings

Arguments = tuple[Any, ...]


class Caller(Protocol):
    """Runs a function of a module somewhere, and returns what it returns."""

    def run(self, work: Callable[..., Any], args: Arguments, kwargs: Mapping[str, Any]) -> Any:
        """Run ``work``; raise what it raises, or `StepCrashedError` when its process ends."""
        ...


@dataclass(frozen=True)
class Runner:
    """The runner of one flow run.

    ``everywhere`` runs every step, if it is not None; ``isolated`` those whose compiled code may
    crash beside other threads. ``address`` is that of the Dask scheduler, if there is one.
    """

    everywhere: Caller | None
    isolated: Caller
    address: str | None = None

    def place(self, work: Callable[..., Any], *, isolated: bool) -> Callable[..., Any]:
        """Return ``work`` as a function that runs where it belongs."""
        caller = self.everywhere or (self.isolated if isolated else None)
        if caller is None:
            return work

        @functools.wraps(work)
        def elsewhere(*args: Any, **kwargs: Any) -> Any:
            return caller.run(work, args, kwargs)

        return elsewhere


@contextmanager
def starting_runner(settings: RunnerSettings, workers: int) -> Iterator[Runner]:
    """Start the runner that the settings name, and end what it started.

    ``workers`` is the number of workers of a Dask cluster that is started here. Raises
    `SettingsError` when the cluster cannot be reached or runs other versions than this process.
    """
    with StepProcesses() as processes:
        if settings.kind == "dask":
            from flows.engine.dask_cluster import DaskCluster

            with DaskCluster(settings.address, workers) as cluster:
                yield Runner(cluster, cluster, cluster.address)
        elif settings.kind == "processes":
            yield Runner(processes, processes)
        else:
            yield Runner(None, processes)
