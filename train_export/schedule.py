"""Spreads independent jobs: over this machine's processes, or over a Dask cluster.

Both call the same function on the same jobs and give the results in the jobs' order, so that
where the work was done shows nowhere in the result.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from edge.errors import TryAgainError, UsageError

LOCAL = "local"
CONNECT_TIMEOUT_S = 15
# Jobs under way at once on a cluster: enough for its workers, few enough for memory.
AHEAD = 64

J = TypeVar("J")
R = TypeVar("R")


@contextmanager
def spread(
    work: Callable[[J], R], jobs: Sequence[J], scheduler: str, workers: int = 2
) -> Iterator[Iterator[R]]:
    """Call `work` on each job, elsewhere; gives the results in order.

    Args:
        work: a function of a module, which the workers can import.
        jobs: what can be pickled; paths in them must mean the same to every worker.
        scheduler: `local` for processes of this machine, or the address of a Dask scheduler,
            as `tcp://host:8786`.
        workers: processes, when local; a cluster has its own.

    Raises:
        UsageError: `scheduler` is neither.
        TryAgainError: no scheduler answers there.
    """
    if scheduler == LOCAL:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            yield pool.map(work, jobs, chunksize=4)
    elif scheduler.startswith(("tcp://", "tls://")):
        with _cluster(work, jobs, scheduler) as results:
            yield results
    else:
        raise UsageError(f"scheduler {scheduler!r} is neither {LOCAL!r} nor tcp://HOST:PORT")


@contextmanager
def _cluster(work: Callable[[J], R], jobs: Sequence[J], address: str) -> Iterator[Iterator[R]]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise TryAgainError(
            f"no Dask scheduler answers at {address}; start one with `dask scheduler`, and "
            "workers with `dask worker --nthreads 1`"
        ) from error
    with client:

        def results() -> Iterator[R]:
            for start in range(0, len(jobs), AHEAD):
                futures = client.map(work, jobs[start : start + AHEAD], pure=False)
                yield from client.gather(futures)

        yield results()
