"""Creating, adopting and removing the DaskCluster and GPU worker group of a partition."""

from __future__ import annotations

import time

from jobs.errors import AlreadyThereError, ClusterLostError
from jobs.kubernetes.api import CLUSTERS, KINDS, WORKER_GROUPS, Api, Manifest
from jobs.kubernetes.manifests import dask_cluster_manifest, gpu_group
from jobs.kubernetes.spec import Run

DELETION_LIMIT_S = 120.0
"""Limit for the deletion of an object of an earlier submission."""
POLL_S = 1.0


def make_cluster(api: Api, run: Run, index: int, job_uid: str) -> None:
    """Create the partition's DaskCluster and then its GPU group, each owned by the run's Job.

    The order matters: the operator never adopts a group created before its cluster. Objects that
    exist already only get the Job as owner, so that the successor of an evicted runner goes on with
    the same cluster. Raises ClusterLostError where one of an earlier submission is not deleted
    within DELETION_LIMIT_S.
    """
    _make(api, dask_cluster_manifest(run, index, job_uid))
    group = gpu_group(run, index, job_uid)
    if group is not None:
        _make(api, group)


def remove_cluster(api: Api, run: Run, index: int) -> None:
    """Delete the DaskCluster and its GPU group at once: idle GPUs cost as much as busy ones."""
    remove_gpu_group(api, run, index)
    api.delete(CLUSTERS, run.cluster_name(index))


def remove_gpu_group(api: Api, run: Run, index: int) -> None:
    """Delete the GPU group alone; the partition goes on without it."""
    group = gpu_group(run, index, None)
    if group is not None:
        api.delete(WORKER_GROUPS, group["metadata"]["name"])


def _make(api: Api, manifest: Manifest) -> None:
    kind, name = KINDS[manifest["kind"]], manifest["metadata"]["name"]
    deadline = time.monotonic() + DELETION_LIMIT_S
    while True:
        try:
            api.create(manifest)
            return
        except AlreadyThereError:
            found = api.find(kind, name)
        if found is not None and "deletionTimestamp" not in found["metadata"]:
            _add_owner(api, manifest, found)
            return
        if time.monotonic() > deadline:
            raise ClusterLostError(
                f"{manifest['kind']} {name} of an earlier submission is still being deleted after "
                f"{DELETION_LIMIT_S:.0f} s; see `kubectl describe {kind.plural} {name}`"
            )
        time.sleep(POLL_S)


def _add_owner(api: Api, manifest: Manifest, found: Manifest) -> None:
    """Make the Job an owner, so that garbage collection deletes the object with the Job.

    A Job that owned it before is replaced; owners that the operator set stay.
    """
    wanted = manifest["metadata"]["ownerReferences"]
    owners = found["metadata"].get("ownerReferences", [])
    missing = [owner for owner in wanted if owner["uid"] not in {o["uid"] for o in owners}]
    if missing:
        kept = [owner for owner in owners if owner["kind"] != "Job"]
        body = {"metadata": {"ownerReferences": [*kept, *missing]}}
        api.patch(KINDS[manifest["kind"]], manifest["metadata"]["name"], body)
