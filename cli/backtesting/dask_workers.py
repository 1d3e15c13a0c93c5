"""Parameter sets on the workers of a Dask cluster: a `trading.research.trials.Runner`.

The cluster is the user's own. Its workers need the same source of this program and the extra
``scale``; candles travel to each worker once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from trading.candles import Floats
from trading.errors import DataError
from trading.metrics import Metrics
from trading.research.samplers import Params
from trading.research.search_task import SearchTask
from trading.research.trials import Runner, chunks_of

TIMEOUT_S = 20
"""How long to wait for a scheduler that does not answer."""


@contextmanager
def dask_workers(work: SearchTask, address: str) -> Iterator[Runner]:
    """Yield a runner of parameter sets on the cluster of the scheduler at ``address``.

    The results are those of one thread: a result depends only on its set. Raises `DataError` if
    there is no such scheduler, no worker, or a worker that runs another program.
    """
    client = _connect(address)
    try:
        _check_program(client, address)
        shared = client.scatter(work, broadcast=True)

        def run(sets: Sequence[Params]) -> list[tuple[Metrics, Floats]]:
            count = len(client.scheduler_info(n_workers=-1)["workers"])
            parts = [
                client.submit(_run_on_worker, shared, list(chunk), pure=False)
                for chunk in chunks_of(sets, max(count, 1))
            ]
            return [found for part in client.gather(parts) for found in part]

        yield run
    finally:
        client.close()


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise DataError(
            "--dask needs the package distributed; install the extra: pip install 'nocturne[scale]'"
        ) from error
    try:
        client = Client(address, timeout=TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(f"no Dask scheduler answers at {address}; start one or fix it") from error
    if not client.scheduler_info(n_workers=-1)["workers"]:
        client.close()
        raise DataError(f"the Dask scheduler at {address} has no workers; start one or more")
    return client


def _check_program(client: Any, address: str) -> None:
    from trading.jit.compiler import source_key

    ours = source_key()
    other = [name for name, key in client.run(_source_key).items() if key != ours]
    if other:
        raise DataError(
            f"the Dask cluster at {address} has workers of another program or processor than this"
            f" one: {', '.join(sorted(other))}; install the same version there"
        )


def _source_key() -> str:
    from trading.jit.compiler import source_key

    return source_key()


def _run_on_worker(work: SearchTask, sets: Sequence[Params]) -> list[tuple[Metrics, Floats]]:
    from trading.jit.compiler import current_folder, enable

    if current_folder() is None:
        enable()
    return work.run(sets)
