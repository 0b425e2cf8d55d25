"""Where features are computed shows nowhere in them."""

import numpy as np
import pytest

from edge.errors import TryAgainError, UsageError
from train_export import schedule
from train_export.features import prepare_scenes
from train_export.soundscape import Recipe

RECIPE = Recipe(duration_s=5)


def test_a_cluster_gives_the_features_of_one_process(toy_corpus):
    """Two workers of a Dask cluster mix what one process mixes, bit for bit."""
    distributed = pytest.importorskip("distributed")
    one = prepare_scenes(toy_corpus, "train", 6, RECIPE, seed=3, workers=1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        two = prepare_scenes(toy_corpus, "train", 6, RECIPE, seed=3, scheduler=address)
    np.testing.assert_array_equal(one.features, two.features)
    np.testing.assert_array_equal(one.targets, two.targets)
    assert one.truths == two.truths


def test_a_scheduler_that_does_not_answer_is_named(toy_corpus, monkeypatch):
    """An address where nobody listens is told with what to start there."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(schedule, "CONNECT_TIMEOUT_S", 0.5)
    with pytest.raises(
        TryAgainError, match=r"tcp://127\.0\.0\.1:9; start one with `dask scheduler`"
    ):
        prepare_scenes(toy_corpus, "train", 1, RECIPE, scheduler="tcp://127.0.0.1:9")


def test_an_unknown_scheduler_is_refused(toy_corpus):
    """What is neither local nor an address is refused by name."""
    with pytest.raises(UsageError, match="'spark'"):
        prepare_scenes(toy_corpus, "train", 1, RECIPE, scheduler="spark")
