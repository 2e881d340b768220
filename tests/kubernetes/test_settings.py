import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import StageName
from jobs.errors import InputError
from jobs.kubernetes.names import (
    CLUSTER_NAME_LENGTH,
    checked_namespace,
    job_label,
    labels,
    run_id,
)
from jobs.kubernetes.settings import (
    ClusterSettings,
    Gpu,
    Group,
    Toleration,
    Workers,
    read_settings,
    settings_from_json,
    settings_json,
    unpinned_images,
)
from jobs.kubernetes.sizing import TARGET_S, memory_limit, memory_shortfall, workers_for
from jobs.plan import BASE_MEMORY, Estimate, stage_cpu_s
from tests.support.kubernetes.values import CUDA_IMAGE, FULL, IMAGE, PLAIN

WRITTEN = f"""
image: {IMAGE}
credentials: [berthwatch-s3]
environment: {{AWS_ENDPOINT_URL: "https://s3.example", GDAL_HTTP_TIMEOUT: "30"}}
image_pull_secrets: [registry]
workers:
  cpu: 2
  threads: 2
  nodes: {{pool: cpu}}
  tolerations: [{{key: spot, operator: Equal, value: "true", effect: NoSchedule}}]
gpu:
  count: 2
  image: {CUDA_IMAGE}
  nodes: {{pool: gpu}}
"""


def test_settings_are_read_from_yaml() -> None:
    assert read_settings(WRITTEN, "settings.yaml") == FULL


def test_only_the_image_is_required() -> None:
    assert read_settings(f"image: {IMAGE}", "settings.yaml") == PLAIN


def test_every_key_can_be_given() -> None:
    text = f"""
image: {IMAGE}
code: 0.1.0+abc
runner_account: a
dask_account: b
deadline_s: 100
keep_finished_s: 200
retries: 0
idle_timeout_s: 300
start_timeout_s: 400
runner: {{cpu: 500m, memory: 1Gi, scratch: 1Gi}}
scheduler: {{cpu: "1.5", memory: 512Mi, tolerations: [{{operator: Exists}}]}}
workers: {{count: auto, at_most: 7}}
gpu: {{resource: amd.com/gpu, per_worker: 2, wait_s: 5, otherwise: cpu}}
"""
    assert read_settings(text, "x") == ClusterSettings(
        image=IMAGE,
        code="0.1.0+abc",
        runner_account="a",
        dask_account="b",
        deadline_s=100,
        keep_finished_s=200,
        retries=0,
        idle_timeout_s=300,
        start_timeout_s=400,
        runner=Group("500m", "1Gi", "1Gi"),
        scheduler=Group("1.5", "512Mi", tolerations=(Toleration(operator="Exists"),)),
        workers=Workers(at_most=7),
        gpu=Gpu(resource="amd.com/gpu", per_worker=2, wait_s=5, otherwise="cpu"),
    )
    assert read_settings(f"image: {IMAGE}\nworkers: {{count: 4}}", "x").workers.count == 4


@pytest.mark.parametrize(
    ("written", "line", "says"),
    [
        ("", 0, "is empty"),
        ("image: [", 0, "is not YAML"),
        ("code: x", 1, "lacks image"),
        ("image: i\nimgae: x", 2, "did you mean 'image'"),
        ("image: i\nimage: j", 2, "occurs twice"),
        ("image: 'a b'", 1, "no container runtime accepts"),
        ("image: 12", 1, "put it in quotes"),
        ("image: i\nworkers:\n  memroy: 4Gi", 3, "did you mean 'memory'"),
        ("image: i\nworkers:\n  memory: 4GiB", 3, "not a quantity"),
        ("image: i\nworkers:\n  memory: 4", 3, "expected memory from 1Mi"),
        ("image: i\nworkers:\n  memory: 500m", 3, "did you mean 500Mi"),
        ("image: i\nworkers:\n  cpu: 0", 3, "is zero"),
        ("image: i\nworkers:\n  cpu: 4Gi", 3, "counts bytes"),
        ("image: i\nrunner:\n  scratch: 4", 3, "did you mean 4Gi"),
        ("image: i\nworkers:\n  count: all", 3, "or auto"),
        ("image: i\nworkers:\n  count: 0", 3, "from 1"),
        ("image: i\nworkers: 3", 2, "expected keys with values"),
        ("image: i\nidle_timeout_s: 20", 2, "from 120"),
        ("image: i\ndeadline_s: 9999999", 2, "at most"),
        ("image: i\nretries: -1", 2, "from 0"),
        ("image: i\nretries: 1.5", 2, "from 0"),
        ("image: i\ncredentials: berthwatch-s3", 2, "expected a list"),
        ("image: i\ncredentials: [Berthwatch_S3]", 2, "will not do"),
        ("image: i\nrunner_account: -x", 2, "will not do"),
        ("image: i\nenvironment:\n  A: 1", 3, "put it in quotes"),
        ("image: i\nenvironment:\n  DASK_X: a", 3, "sets itself"),
        ("image: i\nenvironment:\n  a-b: c", 3, "no variable's name"),
        ("image: i\ngpu:\n  count: 1", 3, "no image"),
        ("image: i\ngpu:\n  otherwise: cup", 3, "did you mean 'cpu'"),
        ("image: i\ngpu:\n  resource: a b", 3, "will not do"),
        ("image: i\ngpu:\n  resource: gpu", 3, "has no domain"),
        ("image: i\ngpu:\n  resource: kubernetes.io/gpu", 3, "own domain"),
        ("image: i\ngpu:\n  resource: requests.nvidia.com/gpu", 3, "as a quota does"),
        ("image: i\nrunner:\n  nodes: {pool: true}", 3, "put it in quotes"),
        ("image: i\nrunner:\n  nodes: {pool: 'a b'}", 3, "will not do"),
        ("image: i\nrunner:\n  tolerations: [{operator: Exist}]", 3, "did you mean 'Exists'"),
        ("image: i\nrunner:\n  tolerations: [{value: a}]", 3, "lacks its key"),
        ("image: i\nrunner:\n  tolerations: [{operator: Exists, value: a}]", 3, "has a value"),
        ("image: i\nrunner:\n  tolerations: [{efect: a}]", 3, "did you mean 'effect'"),
    ],
)
def test_invalid_settings_are_refused_with_their_line(written: str, line: int, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as refused:
        read_settings(written, "configmap berthwatch")
    assert str(refused.value).startswith(
        f"configmap berthwatch, line {line}:" if line else "configmap berthwatch is "
    )


def test_settings_survive_json() -> None:
    for settings in (PLAIN, FULL, dataclasses.replace(FULL, workers=Workers(count=4))):
        text = json.dumps(settings_json(settings))
        assert settings_from_json(json.loads(text)) == settings


def test_images_without_a_digest_are_listed() -> None:
    assert unpinned_images(FULL) == ()
    assert unpinned_images(ClusterSettings("berthwatch:1")) == ("berthwatch:1",)
    idle = ClusterSettings(IMAGE, gpu=Gpu(count=0, image="cuda:1"))
    assert unpinned_images(idle) == ()
    busy = ClusterSettings(IMAGE, gpu=Gpu(count=1, image="cuda:1"))
    assert unpinned_images(busy) == ("cuda:1",)


# --- names --------------------------------------------------------------------------------------

job_names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,52}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)


@given(job_names, digests, st.integers(1, 1000))
def test_every_partition_has_a_name_that_the_operator_accepts(
    job: str, digest: str, partitions: int
) -> None:
    name = run_id(job, digest, partitions)
    assert len(f"{name}-{partitions - 1}") <= CLUSTER_NAME_LENGTH
    assert re.fullmatch(r"bw-[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9a-f]{8}", name)
    assert job.startswith(name.removeprefix("bw-").removesuffix(f"-{digest[:8]}"))
    assert len(f"{name}-{partitions - 1}-abcde") <= 63
    assert name == run_id(job, digest, partitions)


@given(job_names)
def test_a_job_is_a_label(job: str) -> None:
    label = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
    for value in labels(job, run_id(job, "0" * 16, 1), "runner", 3).values():
        assert label.fullmatch(value)
    assert job.startswith(job_label(job))


def test_runs_of_other_identities_have_other_names() -> None:
    assert run_id("east-sea", "0a1b2c3d4e5f6071", 1) == "bw-east-sea-0a1b2c3d"
    assert run_id("east-sea", "1a1b2c3d4e5f6071", 1) != run_id("east-sea", "0a1b2c3d4e5f6071", 1)


@pytest.mark.parametrize("name", ["", "Team", "a.b", "-a", "a-", "a" * 64, "a_b"])
def test_namespaces_are_checked(name: str) -> None:
    assert checked_namespace("team-1") == "team-1"
    with pytest.raises(InputError, match="will not do"):
        checked_namespace(name)


# --- sizes --------------------------------------------------------------------------------------


def sized(**change: int) -> Estimate:
    return dataclasses.replace(Estimate(units=1000, pixels=1_000_000 * 10_000), **change)


def test_workers_do_a_partition_in_about_an_hour() -> None:
    many = ClusterSettings(IMAGE, workers=Workers(at_most=1000))
    hours = sum(stage_cpu_s(stage, sized()) for stage in StageName) / TARGET_S
    assert 2 < hours < 3  # 10,000 Mpx at some .9 s
    assert workers_for(sized(), many, 1) == 3
    assert workers_for(sized(), many, 5) == 1
    on_gpus = dataclasses.replace(many, gpu=Gpu(count=1, image=CUDA_IMAGE))
    assert workers_for(sized(), on_gpus, 1) == 1  # only tile is left
    threads = ClusterSettings(IMAGE, workers=Workers(at_most=1000, threads=2))
    assert workers_for(sized(), threads, 1) == 2


def test_workers_keep_to_their_limits() -> None:
    large = sized(pixels=10**15)
    assert workers_for(large, ClusterSettings(IMAGE, workers=Workers(at_most=9)), 1) == 9
    assert workers_for(sized(pixels=10**15, units=7), PLAIN, 1) == 7
    assert workers_for(sized(pixels=10**15, units=7), PLAIN, 4) == 2
    assert workers_for(Estimate(), PLAIN, 1) == 1
    assert workers_for(Estimate(), ClusterSettings(IMAGE, workers=Workers(count=6)), 1) == 6


@given(st.integers(0, 10**12), st.integers(0, 10**5), st.integers(1, 100), st.integers(1, 50))
def test_workers_are_at_least_one_and_within_the_limits(
    pixels: int, units: int, partitions: int, at_most: int
) -> None:
    settings = ClusterSettings(IMAGE, workers=Workers(at_most=at_most))
    counted = sized(pixels=pixels, units=units)
    workers = workers_for(counted, settings, partitions)
    assert 1 <= workers <= at_most
    assert workers <= max(1, -(-units // partitions))
    cpu_s = sum(stage_cpu_s(stage, counted) for stage in StageName)
    busy_s = cpu_s / partitions / workers
    assert busy_s <= TARGET_S * 1.001 or workers in (at_most, -(-units // partitions)) or not units


def test_a_plan_that_needs_more_memory_than_its_pods_is_refused() -> None:
    assert memory_shortfall(sized(peak_memory=2 * 2**30), PLAIN) is None
    trouble = memory_shortfall(sized(peak_memory=6 * 2**30), PLAIN)
    assert trouble is not None
    assert "workers.memory is 4Gi" in trouble
    asked = re.search(r"to (\d+Mi) or more", trouble)
    assert asked
    enough = ClusterSettings(IMAGE, workers=Workers(memory=asked[1]))
    assert memory_shortfall(sized(peak_memory=6 * 2**30), enough) is None


def test_memory_counts_each_thread_and_the_gpu_workers() -> None:
    peak = BASE_MEMORY + 2**30
    four = ClusterSettings(IMAGE, workers=Workers(threads=4))
    assert memory_shortfall(sized(peak_memory=peak), PLAIN) is None
    assert "4 tasks at once" in str(memory_shortfall(sized(peak_memory=peak), four))
    small = ClusterSettings(IMAGE, gpu=Gpu(count=1, image=CUDA_IMAGE, memory="1Gi"))
    assert "gpu.memory is 1Gi" in str(memory_shortfall(sized(peak_memory=peak), small))


def test_memory_is_reserved_for_the_nanny() -> None:
    assert 3.5 * 2**30 < memory_limit(Workers(memory="4Gi")) < 4 * 2**30
    assert memory_limit(Workers(memory="256Mi")) == 128 * 2**20
