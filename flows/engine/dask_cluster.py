"""Steps on a Dask cluster: one that runs at an address, or one of this machine."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from flows.engine.provenance import code_version
from flows.engine.step_processes import StepCrashedError
from trading.errors import SettingsError

PACKAGES = (
    "dask",
    "distributed",
    "duckdb",
    "great-expectations",
    "lightgbm",
    "numba",
    "numpy",
    "pandas",
    "polars",
    "prefect",
    "pyarrow",
)
"""What decides the bytes of a result, and what speaks between client and worker."""
_WAIT_S = 30.0


def versions() -> dict[str, str]:
    """Return the versions of Python, of `PACKAGES` and of our own code, as a hash."""
    found = {"python": platform.python_version(), "nocturne (code)": code_version()[:12]}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


class DaskCluster:
    """A client of a cluster; `run` is called from many threads.

    Without ``address`` it starts ``workers`` worker processes on this machine and ends them. A
    worker that dies is replaced, and Dask runs its calls again elsewhere.
    """

    def __init__(self, address: str, workers: int) -> None:
        self._given, self._workers = address, workers
        self._stack = ExitStack()
        self._client: Any = None
        self.address = address

    def __enter__(self) -> Self:
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise SettingsError(
                "runner.kind = 'dask' needs the package distributed; install the extra:"
                " pip install 'nocturne[scale]'"
            ) from error
        try:
            if not self._given:
                cluster = LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                )
                self.address = self._stack.enter_context(cluster).scheduler_address
            client = Client(self.address, timeout=_WAIT_S, set_as_default=False)
            self._client = self._stack.enter_context(client)
            self._client.wait_for_workers(1, timeout=_WAIT_S)
            self._check_versions()
        except (OSError, TimeoutError) as error:
            self._stack.close()
            raise SettingsError(
                f"no Dask cluster with a worker answers at {self.address} (runner.address):"
                f" {error or 'timed out'}"
            ) from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(
        self, work: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run ``work`` on a worker; `StepCrashedError` after it has ended several of them."""
        from distributed import KilledWorker

        future = self._client.submit(work, *args, pure=False, **kwargs)
        try:
            return future.result()
        except KilledWorker as error:
            raise StepCrashedError(f"{work.__name__} ended the Dask workers that ran it") from error
        finally:
            future.release()

    def _check_versions(self) -> None:
        """Refuse workers whose results might differ; name the first difference of each."""
        here = versions()
        different = []
        for worker, there in sorted(self._client.run(versions).items()):
            names = [name for name, version in here.items() if there.get(name) != version]
            if names:
                name = names[0]
                different.append(f"{worker} has {name} {there.get(name)}, here it is {here[name]}")
        if different:
            raise SettingsError(
                "the workers of the Dask cluster differ from this machine, so results could too:"
                f" {'; '.join(different)}; install the same versions"
            )
