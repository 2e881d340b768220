"""What Prometheus reads at the /metrics of a scheduler that a run has worked on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.request import urlopen

import pytest
from distributed import Client, LocalCluster

from jobs.run.events import Event, EventName
from jobs.run.prometheus import metrics


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    address = "127.0.0.1:0"
    with (
        LocalCluster(
            n_workers=0,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address=address,
        ) as made,
        Client(made) as client,
    ):
        yield client


def scraped(client: Client) -> Mapping[str, float]:
    """Our samples at the scheduler's endpoint: name with labels to value."""
    port = client.scheduler_info()["services"]["dashboard"]
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    ours = (line.rpartition(" ") for line in lines if line.startswith("berthwatch_"))
    return {name: float(value) for name, _, value in ours if "_created" not in name}


def unit(stage: str, state: str, *, vessels: int = 0, last: bool = True) -> Event:
    facts = {"stage": stage, "state": state, "vessels": vessels, "last": last}
    return Event(EventName.UNIT, {**facts, "overpass": "P-1"})


def test_a_run_is_told_to_prometheus(client: Client) -> None:
    with metrics(client, "one") as observe:
        observe(Event(EventName.PORT, {"port": "P", "todo": 3}))
        observe(Event(EventName.RETRIED, {"stage": "tile", "attempt": 1, "reason": "503"}))
        observe(unit("tile", "done", last=False))
        observe(unit("segment", "done", vessels=4))
        observe(Event(EventName.QUARANTINED, {"stage": "tile", "deaths": 8}))
        observe(unit("tile", "failed"))
        observe(Event(EventName.COMMITTED, {"units": 2, "seconds": 0.25}))
    found = scraped(client)
    assert found['berthwatch_units_total{job="one",stage="tile",state="done"}'] == 1
    assert found['berthwatch_units_total{job="one",stage="segment",state="done"}'] == 1
    assert found['berthwatch_units_total{job="one",stage="tile",state="failed"}'] == 1
    assert found['berthwatch_retries_total{job="one",stage="tile"}'] == 1
    assert found['berthwatch_quarantined_total{job="one"}'] == 1
    assert found['berthwatch_vessels_total{job="one"}'] == 4
    assert found['berthwatch_commits_total{job="one"}'] == 1
    assert found['berthwatch_commit_seconds_total{job="one"}'] == 0.25
    assert found['berthwatch_units_left{job="one"}'] == 1


def test_a_second_run_on_the_same_scheduler_adds_to_it(client: Client) -> None:
    for job in ("two", "two", "three"):
        with metrics(client, job) as observe:
            observe(unit("tile", "done"))
    found = scraped(client)
    assert found['berthwatch_units_total{job="two",stage="tile",state="done"}'] == 2
    assert found['berthwatch_units_total{job="three",stage="tile",state="done"}'] == 1


def test_messages_of_others_are_left_alone(client: Client) -> None:
    with metrics(client, "four"):
        client.log_event("somebody-else", {"added": "nonsense"})
    assert scraped(client)['berthwatch_units_left{job="four"}'] == 0


def test_a_closed_client_is_no_error() -> None:
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    ) as made:
        client = Client(made)
        with metrics(client, "gone") as observe:
            observe(unit("tile", "done"))
            client.close()
