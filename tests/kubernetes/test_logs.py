"""Logs of a run: archived before the pods are deleted, read from pods and archive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.errors import ArchiveError
from jobs.kubernetes.logs import (
    Line,
    LogArchiver,
    PodFilter,
    archive_logs,
    archiving_logs,
    follow,
    last_bytes,
    read_logs,
    wait_for_text,
)
from jobs.kubernetes.records import log_names, write_log
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import (
    Objects,
    job,
    on_silent_node,
    pod,
    run,
    terminated,
    waiting,
)

RUN = run()
RUNNER = pod(RUN, "runner")
SCHEDULER = pod(RUN, "scheduler")
WORKER = pod(RUN, "worker")
OTHER = pod(RUN, "worker", 1)


def name(of: dict) -> str:
    return of["metadata"]["name"]


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


@pytest.fixture
def api() -> Objects:
    made = Objects(job(RUN, active=1), RUNNER, SCHEDULER, WORKER, OTHER)
    made.logs = {name(each): f"I am {name(each)}\n" for each in (RUNNER, SCHEDULER, WORKER, OTHER)}
    return made


def kept(storage: LocalFolder, of: dict) -> str:
    return storage.read(f"{RUN.folder}/logs/{name(of)}.log").decode()


def test_a_partitions_logs_are_archived(api: Objects, storage: LocalFolder) -> None:
    archived = archive_logs(api, storage, RUN, 0)
    assert set(archived.pods) == {name(each) for each in (RUNNER, SCHEDULER, WORKER)}
    assert kept(storage, WORKER) == f"I am {name(WORKER)}\n"
    assert name(OTHER) not in log_names(storage, RUN)
    assert name(OTHER) in archive_logs(api, storage, RUN).pods


def test_logs_that_cannot_be_read_are_noted_and_the_rest_is_archived(
    api: Objects, storage: LocalFolder
) -> None:
    del api.logs[name(SCHEDULER)]
    archived = archive_logs(api, storage, RUN, 0)
    assert set(archived.pods) == {name(RUNNER), name(WORKER)}
    assert [name(SCHEDULER) in note for note in archived.notes] == [True]


def test_the_log_of_a_silent_node_is_not_waited_for(api: Objects, storage: LocalFolder) -> None:
    api.objects[api.objects.index(SCHEDULER)] = on_silent_node(SCHEDULER)
    archived = archive_logs(api, storage, RUN, 0)
    assert set(archived.pods) == {name(RUNNER), name(WORKER)}
    assert archived.notes == (f"no log of {name(SCHEDULER)}: its node does not answer",)


def test_a_pod_that_has_not_started_has_no_log(api: Objects, storage: LocalFolder) -> None:
    early = pod(RUN, number=7, phase="Pending", state=waiting("ContainerCreating"))
    api.objects.append(early)
    archived = archive_logs(api, storage, RUN, 0)
    assert not archived.notes
    assert name(early) not in archived.pods


def test_the_log_before_a_restart_is_archived_too(storage: LocalFolder) -> None:
    again = pod(RUN, restarts=2, last=terminated(137, "OOMKilled"))
    api = Objects(again)
    api.logs = {name(again): "here again\n"}
    api.previous = {name(again): "too much memory"}
    archive_logs(api, storage, RUN, 0)
    lines = kept(storage, again).splitlines()
    assert lines[1] == "too much memory"
    assert "after restart 2" in lines[2]
    assert lines[3] == "here again"


def test_only_what_changed_is_written_again(
    api: Objects, storage: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    archiver = LogArchiver(api, storage, RUN, 0)
    archiver.archive()
    api.logs[name(WORKER)] += "more\n"
    assert archiver.archive().pods == (name(WORKER),)
    assert kept(storage, WORKER).endswith("more\n")


def test_of_a_long_log_the_last_whole_lines_are_archived() -> None:
    text = "".join(f"line {number:04d} é\n" for number in range(1000))
    short = last_bytes(text, 100)
    note, *lines = short.splitlines()
    assert "left out" in note
    assert lines[-1] == "line 0999 é"
    assert all(line.startswith("line ") for line in lines)
    assert len("\n".join(lines).encode()) <= 100
    assert last_bytes(text, len(text.encode())) == text


def test_logs_are_archived_periodically_and_at_the_end(api: Objects, storage: LocalFolder) -> None:
    written = threading.Event()
    plain = storage.write

    class Notifying(LocalFolder):
        def write(self, name: str, content: bytes) -> None:
            plain(name, content)
            written.set()

    with archiving_logs(api, Notifying(storage.path), RUN, 0, every_s=0.01):
        assert written.wait(20)
        api.logs[name(RUNNER)] = "the last words\n"
    assert kept(storage, RUNNER) == "the last words\n"


def test_archiving_that_fails_does_not_end_the_run(api: Objects, storage: LocalFolder) -> None:
    class Full(LocalFolder):
        def write(self, name: str, content: bytes) -> None:
            raise ArchiveError("no space")

    said: list[str] = []
    with archiving_logs(api, Full(storage.path), RUN, 0, every_s=3600, say=said.append):
        pass
    api.refused.add(("list", "pods"))
    with archiving_logs(api, storage, RUN, 0, every_s=3600, say=said.append):
        pass
    assert "no space" in said[0]
    assert "does not allow" in said[1]


def test_the_last_line_is_waited_for_until_it_is_in_the_log() -> None:
    class Late(Objects):
        read = 0

        def log(self, pod: str, previous: bool = False) -> str:
            self.read += 1
            text = super().log(pod, previous)
            self.logs[pod] = "first\nexit 0: 1 done\n"
            return text

    api = Late()
    api.logs = {"runner": "first\n"}
    wait_for_text(api, "runner", "exit 0", at_most_s=30)
    assert api.read == 2


def test_a_last_line_that_never_comes_is_not_waited_for_long() -> None:
    wait_for_text(Objects(), "runner", "exit 0", at_most_s=0.2)


def test_logs_come_from_the_pod_and_from_the_archive_where_it_is_gone(
    api: Objects, storage: LocalFolder
) -> None:
    gone = pod(RUN, "gpu-worker")
    write_log(storage, RUN, name(gone), "I was a GPU worker\n")
    write_log(storage, RUN, name(WORKER), "older\n")
    found = list(read_logs(api, storage, RUN))
    assert [(log.component, log.index, log.live) for log in found] == [
        ("runner", 0, True),
        ("scheduler", 0, True),
        ("worker", 0, True),
        ("gpu-worker", 0, False),
        ("worker", 1, True),
    ]
    assert found[2].text == f"I am {name(WORKER)}\n"
    assert found[3].text == "I was a GPU worker\n"


def test_the_archived_log_is_read_where_the_pod_cannot_be(
    api: Objects, storage: LocalFolder
) -> None:
    del api.logs[name(WORKER)]
    write_log(storage, RUN, name(WORKER), "as it was kept\n")
    (found,) = read_logs(api, storage, RUN, PodFilter("worker", 0))
    assert (found.live, found.text) == (False, "as it was kept\n")


def test_without_a_cluster_logs_are_read_from_the_archive(storage: LocalFolder) -> None:
    for each in (RUNNER, SCHEDULER, WORKER, OTHER):
        write_log(storage, RUN, name(each), "kept\n")
    assert [log.pod for log in read_logs(None, storage, RUN, PodFilter("worker"))] == [
        name(WORKER),
        name(OTHER),
    ]
    assert [log.pod for log in read_logs(None, storage, RUN, PodFilter(pod=name(OTHER)))] == [
        name(OTHER)
    ]
    assert len(list(read_logs(None, storage, RUN, PodFilter(index=0)))) == 3


class Growing(Objects):
    """Its runner writes, is replaced by another, and then the Job is complete."""

    def follow(self, of: str) -> Iterator[tuple[str, str]]:
        yield from super().follow(of)
        self.objects = [one for one in self.objects if one["metadata"]["name"] != of]
        if of == name(RUNNER):
            successor = pod(RUN, "runner", number=1)
            self.logs[name(successor)] = "went on"
            self.objects.append(successor)
        else:
            done = {"type": "Complete", "status": "True"}
            self.objects[0]["status"]["conditions"] = [done]


def test_following_goes_on_with_the_next_runner_until_the_run_is_over() -> None:
    api = Growing(job(RUN, active=1), RUNNER, WORKER)
    api.logs = {name(RUNNER): "began\nwas evicted", name(WORKER): "not asked for"}
    found = list(follow(api, RUN, PodFilter("runner"), every_s=0.01))
    assert [line.text for line in found] == ["began", "was evicted", "went on"]
    assert found[0] == Line(name(RUNNER), "began")


def test_a_log_that_ends_early_has_a_last_line_with_the_cause() -> None:
    api = Objects(RUNNER)  # its Job is gone
    assert "cannot be followed" in next(follow(api, RUN, every_s=0.01)).text
