"""The objects of a run as Kubernetes wants them: pure functions, the same run gives the same bytes.

Job <run>                      one index, and one runner's pod, for each partition
├── Secret <run>-tls           the key by which the run's Dask processes know each other
└── DaskCluster <run>-<i>      scheduler and CPU workers of partition i, made by its runner
    └── DaskWorkerGroup <run>-<i>-gpu    its GPU workers, where there are any
"""

from jobs.kubernetes.manifests.cluster import dask_cluster, gpu_group, scheduler_address
from jobs.kubernetes.manifests.job import runner_job
from jobs.kubernetes.manifests.pods import TLS_FOLDER, tls_name
from jobs.kubernetes.manifests.secret import tls_secret

__all__ = [
    "TLS_FOLDER",
    "dask_cluster",
    "gpu_group",
    "runner_job",
    "scheduler_address",
    "tls_name",
    "tls_secret",
]
