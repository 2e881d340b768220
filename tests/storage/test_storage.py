"""Places for an archive: a local folder and a real S3 server alike; the lease in a bucket."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from jobs.errors import (
    ArchiveError,
    ArchiveInUseError,
    ArchiveTakenOverError,
    ArchiveUnreachableError,
    InputError,
)
from jobs.storage import Bucket, LocalFolder, Storage, storage_at
from jobs.storage.lease import Lease
from jobs.storage.s3 import s3_client
from jobs.storage.shared_lock import exclusive, shared
from tests.support.servers.faults import Fault, Kind
from tests.support.servers.s3 import (
    BUCKET,
    KEY_ID,
    S3,
    SECRET,
    environment,
    faulty_proxy,
    s3_server,
)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def aws(s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The environment points at the server."""
    use(monkeypatch, s3.environment)
    return s3


def use(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalFolder(tmp_path / "archive")
    request.getfixturevalue("aws")
    return Bucket(BUCKET, f"archives/{tmp_path.name}")


def test_files_are_written_read_listed_and_replaced(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("plans/a.jsonl")
    assert not storage.exists("plans/a.jsonl")
    storage.write("plans/a.jsonl", b"one")
    storage.write("plans/a.jsonl", b"two")
    (tmp_path / "large").write_bytes(b"x" * 9_000_000)
    storage.put("plans/b.jsonl", tmp_path / "large")
    assert storage.exists("plans/a.jsonl")
    assert not storage.exists("plans")
    assert not storage.exists("plans/a.json")
    assert storage.names("plans") == ["plans/a.jsonl", "plans/b.jsonl"]
    assert storage.names("") == ["plans/a.jsonl", "plans/b.jsonl"]
    assert storage.folders("") == ["plans"]
    assert storage.folders("plans") == storage.folders("nothing") == []
    assert storage.size_bytes("plans") == 9_000_003
    assert storage.read("plans/a.jsonl") == b"two"
    assert storage.local("plans/b.jsonl").stat().st_size == 9_000_000
    assert storage.url_of("plans/a.jsonl") == f"{storage.url}/plans/a.jsonl"


def test_a_value_travels_to_another_process(storage: Storage) -> None:
    storage.write("a", b"1")
    data = pickle.dumps(storage)
    assert pickle.loads(data).read("a") == b"1"
    assert SECRET.encode() not in data
    assert KEY_ID.encode() not in data


def test_a_folder_appears_whole_and_takes_the_old_ones_place(storage: Storage) -> None:
    for names in (("a", "b/c", "last"), ("a", "last")):
        with storage.whole_folder("published/x", "last") as folder:
            for name in names:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(f"{name} of {len(names)}")
            assert "published/x/b/c" not in storage.names("published") or len(names) == 2
        assert storage.names("published") == [f"published/x/{name}" for name in names]
    assert (storage.local("published/x") / "a").read_text() == "a of 2"


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(name)


def test_a_folder_that_fails_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError), storage.whole_folder("published/x", "last") as folder:
        (folder / "missing" / "a").write_text("half")
    assert storage.names("") == []


def test_a_folder_whose_upload_breaks_off_lacks_its_marker(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with faulty_proxy(s3.url) as proxy:
        use(monkeypatch, environment(proxy.url))
        storage = Bucket(BUCKET, tmp_path.name)
        proxy.faults.add(Fault(Kind.STATUS, path="*/published/x/b", status=403, times=None))
        with pytest.raises(ArchiveError), storage.whole_folder("published/x", "last") as folder:
            fill(folder, "a", "b", "last")
        assert not storage.exists("published/x/last")


def test_errors_of_the_server_that_pass_are_borne(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with faulty_proxy(s3.url) as proxy:
        use(monkeypatch, environment(proxy.url))
        storage = Bucket(BUCKET, tmp_path.name)
        for kind in (Kind.STATUS, Kind.RESET, Kind.TRUNCATE, Kind.EMPTY):
            proxy.faults.add(Fault(kind, path="*/a", method="GET"))
        proxy.faults.add(Fault(Kind.STATUS, path="*/a", method="PUT"))
        storage.write("a", b"content")
        assert storage.read("a") == b"content"


@pytest.mark.parametrize("kind", [Kind.TRUNCATE, Kind.EMPTY])
def test_a_lease_whose_answer_breaks_off_is_read_again(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: Kind
) -> None:
    with faulty_proxy(s3.url) as proxy:
        use(monkeypatch, environment(proxy.url))
        storage = Bucket(BUCKET, f"lease/{tmp_path.name}")
        with lease(storage).held():
            fault = proxy.faults.add(Fault(kind, path="*.lock", method="GET", times=2))
            etag, content = lease(storage).read()
            assert etag is not None
            assert content["run"]
            assert fault.hits == 2


@pytest.mark.parametrize("kind", [Kind.TRUNCATE, Kind.EMPTY, Kind.RESET, Kind.STATUS])
def test_an_object_that_always_breaks_off_may_be_read_later(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: Kind
) -> None:
    monkeypatch.setattr("jobs.storage.s3.ATTEMPTS", 1)
    monkeypatch.setattr("jobs.storage.reading.WAIT_S", 0.01)
    with faulty_proxy(s3.url) as proxy:
        use(monkeypatch, environment(proxy.url))
        storage = Bucket(BUCKET, tmp_path.name)
        storage.write("a", b"content")
        proxy.faults.add(Fault(kind, path="*/a", method="GET", times=None))
        with pytest.raises(ArchiveUnreachableError):
            storage.read("a")
        with pytest.raises(ArchiveUnreachableError):
            storage.local("a")


def test_a_server_out_of_reach_is_named(aws: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.storage.s3.ATTEMPTS", 1)
    use(monkeypatch, environment("http://127.0.0.1:9"))
    with pytest.raises(ArchiveError, match="cannot be reached") as refusal:
        Bucket(BUCKET, "x").read("a")
    assert SECRET not in str(refusal.value)


def test_no_credentials_are_named(aws: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ArchiveError, match="no credentials for s3://"):
        Bucket(BUCKET, "x").read("a")


def test_a_bucket_that_is_not_there_is_named(aws: S3) -> None:
    with pytest.raises(ArchiveError, match="no such bucket"):
        Bucket("nowhere", "x").write("a", b"")


@pytest.mark.parametrize(
    "archive", ["gs://bucket/x", "s3://", "s3://key:secret@bucket/x", "s3://bucket/x?token=secret"]
)
def test_other_places_are_refused_without_telling_secrets(archive: str) -> None:
    with pytest.raises(InputError, match="expected a path or s3://bucket/prefix") as refusal:
        storage_at(archive)
    assert "secret" not in str(refusal.value)


def test_an_archive_may_be_a_whole_bucket(aws: S3) -> None:
    storage = storage_at("s3://berthwatch")
    assert storage.url == "s3://berthwatch"
    storage.write("top", b"1")
    assert aws.client().get_object(Bucket=BUCKET, Key="top")["Body"].read() == b"1"


# --- the lease ----------------------------------------------------------------------------------


def lease(storage: Bucket) -> Lease:
    """One that is renewed ten times before it counts as dead."""
    return Lease(s3_client(), storage.bucket, storage.key(".lock"), storage.url, 0.1, 1.0)


@pytest.fixture
def bucket(aws: S3, tmp_path: Path) -> Bucket:
    return Bucket(BUCKET, f"lease/{tmp_path.name}")


def test_a_second_run_is_refused_while_the_first_lives(bucket: Bucket) -> None:
    first = lease(bucket)
    with first.held():
        with pytest.raises(ArchiveError, match=f"another run \\({first.holder}\\)"):
            lease(bucket).held().__enter__()
        time.sleep(0.3)
        assert not first.lost
    with lease(bucket).held():
        pass
    assert bucket.names("") == []


def test_a_dead_holders_lease_is_taken_over(bucket: Bucket) -> None:
    dead = lease(bucket)
    dead._take()  # and never renewed, as after kill -9
    started = time.monotonic()
    with lease(bucket).held():
        assert time.monotonic() - started >= 1.0


def test_of_two_who_take_a_dead_holders_lease_one_gets_it(bucket: Bucket) -> None:
    lease(bucket)._take()
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            with lease(bucket).held():
                outcomes.append("held")
                time.sleep(1.5)
        except ArchiveError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held", "refused"]


def test_a_holder_whose_lease_was_taken_over_is_refused(bucket: Bucket) -> None:
    slow = lease(bucket)
    with pytest.raises(ArchiveTakenOverError, match=r"took .* over"), slow.held():
        take_over(bucket, slow)
    assert bucket.exists(".lock")  # the other's lease stays


def take_over(bucket: Bucket, slow: Lease) -> None:
    bucket.write(".lock", b'{"run": "another"}')
    until = time.monotonic() + 60
    while not slow.lost and time.monotonic() < until:
        time.sleep(0.05)


def renewed(storage: Bucket, times: int, limit_s: float = 60) -> None:
    """Wait until a lease has been renewed so often."""
    seen: set[bytes] = set()
    deadline = time.monotonic() + limit_s
    while len(seen) <= times:
        seen.add(storage.read(".lock"))
        assert time.monotonic() < deadline, f"renewed {len(seen) - 1} times within {limit_s} s"
        time.sleep(0.05)


def test_a_renewal_whose_answer_got_lost_keeps_the_lease(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with faulty_proxy(s3.url) as proxy:
        use(monkeypatch, environment(proxy.url))
        storage = Bucket(BUCKET, f"lease/{tmp_path.name}")
        held = lease(storage)
        with held.held():
            for _ in range(3):
                proxy.faults.add(Fault(Kind.RESET, path="*.lock", method="PUT", late=True))
            renewed(storage, 6)  # the client's own waits between attempts are random
            assert not held.lost
            with pytest.raises(ArchiveError, match="another run"):
                lease(storage).held().__enter__()


# --- parts of a backfill ------------------------------------------------------------------------


def whole(storage: Bucket) -> AbstractContextManager[None]:
    return exclusive(lease(storage))


def part(storage: Bucket) -> AbstractContextManager[None]:
    return shared(lease(storage), uuid4().hex)


def test_a_part_is_done_by_one_run_at_a_time(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a runner whose node was declared gone, while it works, and the next one."""
    monkeypatch.setenv("POD_NAME", "bw-job-0a1b2c3d-1-x7k2p")
    first, second, other = (lease(bucket) for _ in range(3))
    with shared(first, "2024"), shared(other, "2025"):
        with pytest.raises(ArchiveInUseError) as refused, shared(second, "2024"):
            pass
        assert refused.value.holder == "pod bw-job-0a1b2c3d-1-x7k2p"
    with shared(second, "2024"):
        pass
    assert bucket.names("") == []


def test_parts_hold_the_bucket_together_and_keep_an_ordinary_run_out(bucket: Bucket) -> None:
    with part(bucket), part(bucket):
        assert len(bucket.names(".lock-parts")) == 2
        with pytest.raises(ArchiveError, match="2 parts of a backfill"), whole(bucket):
            pass
        assert not bucket.exists(".lock")
    with whole(bucket):
        pass
    assert bucket.names("") == []


def test_a_part_is_refused_while_an_ordinary_run_lives(bucket: Bucket) -> None:
    with whole(bucket):
        with pytest.raises(ArchiveError, match="being written by another run"), part(bucket):
            pass
        assert bucket.names("") == [".lock"]


def test_leases_of_dead_runs_are_deleted_by_the_other_kind(bucket: Bucket) -> None:
    dead_part = Lease(s3_client(), BUCKET, bucket.key(".lock-parts/dead"), bucket.url, 0.1, 1.0)
    dead_part._take()
    with whole(bucket):
        assert bucket.names("") == [".lock"]
    lease(bucket)._take()  # an ordinary run that was killed
    started = time.monotonic()
    with part(bucket), part(bucket):
        assert time.monotonic() - started >= 1.0
        assert not bucket.exists(".lock")


def test_a_part_waits_while_an_ordinary_run_still_checks(bucket: Bucket) -> None:
    acquiring = lease(bucket)
    acquiring.acquiring = True
    entered = threading.Event()

    def come() -> None:
        with part(bucket):
            entered.set()

    with acquiring.held():
        comes = threading.Thread(target=come)
        comes.start()
        assert not entered.wait(1.5)
    assert entered.wait(60)  # the ordinary run has given up
    comes.join()


def test_parts_and_ordinary_runs_that_come_at_once_never_slip_past_each_other(
    bucket: Bucket,
) -> None:
    inside: list[str] = []
    seen: list[tuple[str, ...]] = []

    def come(kind: str) -> None:
        holding = whole if kind == "whole" else part
        with suppress(ArchiveError), holding(bucket):
            inside.append(kind)
            seen.append(tuple(inside))
            time.sleep(0.5)
            inside.remove(kind)

    for _ in range(4):
        threads = [threading.Thread(target=come, args=(k,)) for k in ("whole", "part", "part")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen
    assert not [now for now in seen if "whole" in now and len(now) > 1]
    assert ("part", "part") in seen


def test_the_second_to_publish_waits_for_the_first(bucket: Bucket) -> None:
    order: list[str] = []

    def second() -> None:
        with lease(bucket).held(wait=True):
            order.append("second")

    with lease(bucket).held(wait=True):
        waits = threading.Thread(target=second)
        waits.start()
        time.sleep(1.5)
        order.append("first")
    waits.join()
    assert order == ["first", "second"]


def test_in_a_local_folder_parts_run_one_at_a_time(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path)
    with (
        storage.locked(part="2024"),
        storage.publishing(),
        pytest.raises(ArchiveError, match="where the archive lies in a bucket"),
        LocalFolder(tmp_path).locked(part="2024"),
    ):
        pass
