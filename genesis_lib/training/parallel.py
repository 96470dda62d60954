"""Work that does not depend on one another, sent through joblib: this machine's processes, or a Dask or Ray cluster.

``joblib.parallel_config(backend="dask")`` or ``"ray"`` around a call sends its work there; nothing else changes, least
of all the results or their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import joblib
from joblib.parallel import get_active_backend

ITS_OWN = "joblib._parallel_backends"  # the module of the backends that stay on this machine


def on_a_cluster() -> bool:
    """Whether `parallel_config` sends work to other machines, so that it must carry all that it needs."""
    backend, _ = get_active_backend()
    return type(backend).__module__ != ITS_OWN


def in_order(work: Sequence[tuple], jobs: int = 1) -> Iterator[object]:
    """Do what `joblib.delayed` calls say and give their results in the order of the calls, each as soon as it can be.

    Parameters
    ----------
    work
        Calls made with `joblib.delayed`.
    jobs
        Calls at a time; -1 for as many as there are processors. On a cluster 1, the default, means as many as
        `parallel_config` says, or the cluster has room for.

    Notes
    -----
    Ray's backend takes a missing number of jobs for one, in this process, and cannot give results while others are
    still worked on: there they all come at the end.
    """
    backend, configured = get_active_backend()
    if jobs == 1 and type(backend).__module__ != ITS_OWN:
        jobs = -1 if configured in (None, 1) else configured
    if getattr(backend, "supports_return_generator", False):
        yield from joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    else:
        yield from joblib.Parallel(n_jobs=jobs)(work)
