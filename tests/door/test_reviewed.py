"""Estimates anew from a result that uses decisions of reviewers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import Client
from pandas import DataFrame
from pandas.testing import assert_frame_equal

import berthwatch as bw
from tests.support.cluster_here import cluster_here
from tests.support.reviewed_port import ReviewedPort, make_port


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster_here() as cluster, Client(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, client: Client) -> ReviewedPort:
    return make_port(tmp_path_factory.mktemp("reviewed"), client)


def test_reviewers_are_believed_as_far_as_when_it_was_published(port: ReviewedPort) -> None:
    machine = port.run()
    at_berth = machine.vessels[machine.vessels["berth"] != ""]
    kept, struck = at_berth.iloc[0], at_berth.iloc[-1]
    assert kept["vessel_id"] != struck["vessel_id"]
    for row, what in ((kept, "ship"), (struck, "not_ship")):
        subject = {name: row[name] for name in ("port", "berth")}
        said = {"what": what, "vessel": row["vessel_id"], "overpass": row["overpass_id"], **subject}
        port.session("anna").decide([said])
    port.run()
    result = bw.open_result(port.job)
    assert result.provenance["reviews"]["used"] == 2
    assert "decisions of reviewers" in repr(result)
    assert not result.estimates.equals(machine.estimates)
    again = result.estimate_again()
    assert_frame_equal(DataFrame(again.estimates), DataFrame(result.estimates))
    assert_frame_equal(DataFrame(again.visits), DataFrame(result.visits))
    assert_frame_equal(again.histories("tiny"), result.histories("tiny"))


def test_what_reviewers_say_of_cargoes_is_not_lost_without_a_word(port: ReviewedPort) -> None:
    port.run()
    result = bw.open_result(port.job)
    visit = result.vessels[result.vessels["visit_id"] != ""].iloc[0]
    said = {"what": "cargo", "vessel": visit["vessel_id"], "overpass": visit["overpass_id"]}
    value = {"cargo": "ballast", "source": "the agent"}
    port.session("anna").decide([{**said, "port": "tiny", "berth": visit["berth"], "value": value}])
    port.run()
    result = bw.open_result(port.job)
    with pytest.raises(bw.InputError, match="use 1 decisions of reviewers on what ships carried"):
        result.estimate_again()
    assert result.estimate_again(cargo=None).tag == f"{result.tag}+anew"
