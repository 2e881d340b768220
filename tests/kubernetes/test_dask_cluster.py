"""Making a partition's cluster where one of an earlier submission is not gone yet."""

from __future__ import annotations

from typing import Any, cast

import pytest

from jobs.errors import AlreadyThereError, ClusterLostError, KubernetesLostError
from jobs.kubernetes import dask_cluster
from jobs.kubernetes.api import Api
from tests.support.kubernetes.objects import Objects, cluster, run

RUN = run()


class Taken(Objects):
    """What is made is there already."""

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        raise AlreadyThereError("exists already")


def test_a_cluster_that_is_deleted_for_too_long_is_no_absence_of_the_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_cluster, "DELETION_LIMIT_S", 0.2)
    monkeypatch.setattr(dask_cluster, "POLL_S", 0.05)
    going = cluster(RUN, "Running")
    going["metadata"]["deletionTimestamp"] = "2026-11-24T03:00:00Z"
    with pytest.raises(ClusterLostError, match="still being deleted") as lost:
        dask_cluster.make_cluster(cast(Api, Taken(going)), RUN, 0, "job-uid")
    assert not isinstance(lost.value, KubernetesLostError)
