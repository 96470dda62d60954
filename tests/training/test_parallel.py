"""Work in order, whoever does it; real clusters of several processes are started by the long tests."""

import os
from operator import neg

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib._parallel_backends import ThreadingBackend

from genesis_lib.training import Label, Rows, TrainingConfig, WalkForward, cross_validate
from genesis_lib.training.parallel import in_order, on_a_cluster
from genesis_lib.training.sweep import sweep


class WithoutGenerators(ThreadingBackend):
    """As Ray's: not of joblib's own, takes no number of jobs for one, and gives all results at the end."""

    supports_return_generator = False
    jobs_seen = ()

    def configure(self, n_jobs=1, *args, **kwargs):
        type(self).jobs_seen = (*self.jobs_seen, n_jobs)
        return super().configure(n_jobs, *args, **kwargs)


joblib.register_parallel_backend("without-generators", WithoutGenerators)


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_calls(jobs):
    found = in_order([joblib.delayed(neg)(i) for i in range(7)], jobs)
    assert next(found) == 0 and list(found) == [-i for i in range(1, 7)]
    assert not on_a_cluster()


def test_a_backend_without_generators_is_asked_for_all_it_has():
    WithoutGenerators.jobs_seen = ()
    work = [joblib.delayed(neg)(i) for i in range(7)]
    with joblib.parallel_config(backend="without-generators"):
        assert on_a_cluster() and list(in_order(work)) == [-i for i in range(7)]
    with joblib.parallel_config(backend="without-generators", n_jobs=3):
        assert list(in_order(work)) == [-i for i in range(7)] and list(in_order(work, 2)) == [-i for i in range(7)]
    assert WithoutGenerators.jobs_seen == (-1, 3, 2)


def test_what_fails_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        list(in_order([joblib.delayed(divmod)(1, i) for i in (1, 0)], 2))


@pytest.fixture(scope="module")
def dask_cluster():
    distributed = pytest.importorskip("distributed", reason="needs the extra cluster: pip install -e .[cluster]")
    local = {"host": "127.0.0.1", "dashboard_address": None, "processes": True}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **local) as made, distributed.Client(made):
        yield "dask"


@pytest.fixture(scope="module")
def ray_cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray = pytest.importorskip("ray", reason="needs the extra cluster: pip install -e .[cluster]")
        from ray.util.joblib import register_ray

        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        for left in (2, 1, 0):
            try:
                ray.init(num_cpus=2, _node_ip_address="127.0.0.1", object_store_memory=200_000_000, **quiet)
                break
            except Exception:  # Ray gives its processes 30 s to start, which a busy machine does not
                ray.shutdown()
                if not left:
                    raise
        register_ray()
        yield "ray"
        ray.shutdown()


@pytest.fixture(params=["dask", "ray"])
def cluster(request):
    """A real cluster of two processes on this machine, and joblib told to use it."""
    with joblib.parallel_config(backend=request.getfixturevalue(f"{request.param}_cluster")):
        yield request.param


@pytest.mark.slow
def test_a_cluster_works_in_order_in_processes_of_its_own(cluster):
    pids = list(in_order([joblib.delayed(os.getpid)() for _ in range(8)]))
    assert on_a_cluster() and os.getpid() not in pids
    assert list(in_order([joblib.delayed(neg)(i) for i in range(20)])) == [-i for i in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(in_order([joblib.delayed(divmod)(1, 0)]))


@pytest.mark.slow
def test_a_cluster_cross_validates_a_network_to_the_same_bits(cluster, make_planted):
    rows = Rows.of([make_planted(2400, 1), make_planted(1600, 2, day=1)], 3)
    quick = TrainingConfig(epochs=1, threads=1, quiet=True)
    given = rows, [Label(horizon=5), Label(seconds=1)]
    rest = {"model": "causal-16", "training": quick, "splitter": WalkForward(2, 0.0)}
    far = cross_validate(*given, **rest)
    with joblib.parallel_config(backend="sequential"):
        near = cross_validate(*given, **rest)
    assert [fold.number for fold in far.folds] == [0, 1]
    for mine, theirs in zip(near.folds, far.folds):
        assert mine.sizes == theirs.sizes and mine.label == theirs.label
        assert mine.first.history == theirs.first.history
        for name in mine.proba:
            assert np.array_equal(mine.proba[name], theirs.proba[name]), name
        assert all(np.array_equal(mine.first.weights[key], theirs.first.weights[key]) for key in mine.first.weights)


@pytest.mark.slow
def test_a_cluster_sweeps_to_the_same_table(cluster, make_planted):
    days = [make_planted(1500, seed, depth=3, day=seed) for seed in (1, 2)]
    grid = {"model": ["majority", "logistic"], "levels": [3], "folds": [2], "horizon": ["5", "100000"]}
    far = sweep(days, grid)
    with joblib.parallel_config(backend="sequential"):
        near = sweep(days, grid)
    pd.testing.assert_frame_equal(far.drop(columns="seconds"), near.drop(columns="seconds"))
    assert (far.error == "").sum() == 4 and far.log_loss.notna().sum() == 4
