from .absence import ABSENCE_LIMIT_S
from .api import CONFIG_MAPS, DEFAULT_NAMESPACE, Api, api_for
from .cancel import Cancellation, cancel_run, count_by_kind
from .diagnosis import Trouble
from .image_reference import checked_image
from .logs import Line, Log, PodFilter, follow, read_logs
from .manifests.cluster import dask_cluster_manifest, gpu_group
from .manifests.job import runner_job
from .manifests.secret import tls_secret
from .names import checked_namespace
from .partitions import WHOLE, Partition, covered, make_partitions, sliced
from .records import list_runs
from .runner import run_in_pod
from .selection import RunApis, api_of_run, archive_of, find_run, find_status, is_file, poll_status
from .settings import ClusterSettings, read_settings
from .spec import Run
from .status import PartitionStatus, RunState, RunStatus
from .submit import Submission, SubmissionState, make_run, resized, submit_run
from .throughput import Throughput
from .unit_counts import PortStage
from .wait import wait_for_run

__all__ = [
    "ABSENCE_LIMIT_S",
    "CONFIG_MAPS",
    "DEFAULT_NAMESPACE",
    "WHOLE",
    "Api",
    "Cancellation",
    "ClusterSettings",
    "Line",
    "Log",
    "Partition",
    "PartitionStatus",
    "PodFilter",
    "PortStage",
    "Run",
    "RunApis",
    "RunState",
    "RunStatus",
    "Submission",
    "SubmissionState",
    "Throughput",
    "Trouble",
    "api_for",
    "api_of_run",
    "archive_of",
    "cancel_run",
    "checked_image",
    "checked_namespace",
    "count_by_kind",
    "covered",
    "dask_cluster_manifest",
    "find_run",
    "find_status",
    "follow",
    "gpu_group",
    "is_file",
    "list_runs",
    "make_partitions",
    "make_run",
    "poll_status",
    "read_logs",
    "read_settings",
    "resized",
    "run_in_pod",
    "runner_job",
    "sliced",
    "submit_run",
    "tls_secret",
    "wait_for_run",
]
