"""Manifests of a run's objects: pure functions of the run.

Job <run>                      one index, with a runner's pod, for each partition
├── Secret <run>-tls           the TLS key of the run's Dask processes
└── DaskCluster <run>-<i>      scheduler and CPU workers of partition i, created by its runner
    └── DaskWorkerGroup <run>-<i>-gpu    its GPU workers, where any are wanted
"""

from jobs.kubernetes.manifests.cluster import dask_cluster_manifest, gpu_group, scheduler_address
from jobs.kubernetes.manifests.job import runner_job
from jobs.kubernetes.manifests.pods import TLS_FOLDER, tls_name
from jobs.kubernetes.manifests.secret import tls_secret

__all__ = [
    "TLS_FOLDER",
    "dask_cluster_manifest",
    "gpu_group",
    "runner_job",
    "scheduler_address",
    "tls_name",
    "tls_secret",
]
