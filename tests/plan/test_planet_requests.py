"""From a search of Planet's Data API to requests for an order, which nobody sends by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import box, shape
from typer.testing import CliRunner, Result

from jobs import cli
from jobs.domain import load_port
from jobs.errors import InputError, PlanError
from jobs.plan import planet_requests
from tests.support.own_sensor import rectangle
from tests.support.planet_order import SCENES, make_job, make_order, make_port
from tests.support.servers.planet import KEY, DataApi, item
from tests.support.servers.server import running

EIGHT = ("ortho_analytic_8b_sr", "ortho_udm2")


def scenes() -> list[dict[str, Any]]:
    """Two with four bands, one with eight, and three that no order can have."""
    place, noon = rectangle(), "T02:10:11Z"
    return [
        item("20240502_021011_03_24ee", f"2024-05-02{noon}", place),
        item("20240503_020155_71_2405", f"2024-05-03{noon}", place, cloud=0.4),
        item("20240504_021011_03_24ee", f"2024-05-04{noon}", place, assets=EIGHT),
        item("20240505_021011_03_24ee", f"2024-05-05{noon}", place, allowed=False),
        item("20240506_021011_03_24ee", f"2024-05-06{noon}", place, assets=EIGHT[:1]),
        item("20240507_021011_03_24ee", f"2024-05-07{noon}", place, assets=("ortho_visual",)),
    ]


@pytest.fixture
def planet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DataApi]:
    monkeypatch.setenv("PL_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    make_port(tmp_path)
    with running(DataApi(scenes())) as server:
        make_job(tmp_path, f"{server.url}/data/v1")
        yield server


def call(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words)


def requests_in(folder: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*"))}


def test_a_search_counts_looks_and_knows_no_bytes(planet: DataApi) -> None:
    found = call("search", "job.yaml", "--json")
    assert found.exit_code == 0, found.output
    (row,) = json.loads(found.stdout)["months"]
    assert (row["sensor"], row["month"], row["overpasses"]) == ("planetscope-sr", "2024-05", 5)
    assert row["mean_cloud"] == pytest.approx(24)
    assert row["bytes"] is None
    assert "no asset `ortho_analytic_4b_sr`" in found.stderr
    assert KEY not in found.output


def test_requests_are_written_for_what_can_be_ordered(planet: DataApi, tmp_path: Path) -> None:
    done = call("search", "job.yaml", "--order", "requests")
    assert done.exit_code == 0, done.output
    found = requests_in(tmp_path / "requests")
    four, eight = (
        f"order-mine-PSScene-{bundle}-1" for bundle in ("analytic_sr_udm2", "analytic_8b_sr_udm2")
    )
    assert set(found) == {f"{four}.json", f"{eight}.json"}
    request = found[f"{four}.json"]
    assert request["products"] == [
        {
            "item_ids": ["20240502_021011_03_24ee", "20240503_020155_71_2405"],
            "item_type": "PSScene",
            "product_bundle": "analytic_sr_udm2",
        }
    ]
    assert found[f"{eight}.json"]["products"][0]["item_ids"] == ["20240504_021011_03_24ee"]
    assert (request["source_type"], request["order_type"]) == ("scenes", "partial")
    (tool,) = request["tools"]
    area = load_port(tmp_path / "port.geojson").area
    assert shape(tool["clip"]["aoi"]).equals_exact(area, 1e-9)
    said = " ".join(done.stderr.split())
    assert "may not download them (ask Planet): 1 scenes, 20240505_021011_03_24ee" in said
    assert "have no UDM2, which the bundle needs: 1 scenes, 20240506_021011_03_24ee" in said
    assert f"`planet orders create requests/{four}.json` orders them" in said
    assert {each.method for each in planet.requests} == {"POST", "GET"}
    assert not any("orders" in each.path for each in planet.requests)
    again = call("search", "job.yaml", "--order", "requests")
    assert "requests holds files already" in str(again.exception)


def test_an_order_holds_at_most_so_many(
    planet: DataApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planet_requests, "MOST_ITEMS", 1)
    assert call("search", "job.yaml", "--order", "requests").exit_code == 0
    products = [each["products"][0] for each in requests_in(tmp_path / "requests").values()]
    assert [len(each["item_ids"]) for each in products] == [1, 1, 1]
    assert len({each["item_ids"][0] for each in products}) == 3


def test_an_area_of_too_many_corners_is_ordered_as_its_box(
    planet: DataApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = json.loads((tmp_path / "port.geojson").read_text())
    (area_part,) = (f for f in port["features"] if f["geometry"] == rectangle())
    (ring,) = area_part["geometry"]["coordinates"]
    ring.insert(1, [(ring[0][0] + ring[1][0]) / 2, ring[0][1] - 0.01])
    (tmp_path / "port.geojson").write_text(json.dumps(port))
    area = load_port(tmp_path / "port.geojson").area
    monkeypatch.setattr(planet_requests, "MOST_CORNERS", 5)
    assert call("search", "job.yaml", "--order", "requests").exit_code == 0
    for each in requests_in(tmp_path / "requests").values():
        clip = shape(each["tools"][0]["clip"]["aoi"])
        assert clip.bounds == area.bounds
        assert clip.equals(box(*area.bounds))
        assert not clip.equals(area)


def test_what_is_delivered_already_is_not_ordered_again(planet: DataApi, tmp_path: Path) -> None:
    make_order(tmp_path / "orders", make_port(tmp_path), SCENES[:1])
    job = tmp_path / "job.yaml"
    job.write_text(
        job.read_text().replace(
            "sources:\n", "sources:\n  - {catalog: orders, collection: PSScene}\n"
        )
    )
    done = call("search", "job.yaml", "--order", "requests")
    assert done.exit_code == 0, done.output
    ordered = [
        id
        for each in requests_in(tmp_path / "requests").values()
        for id in each["products"][0]["item_ids"]
    ]
    assert sorted(ordered) == ["20240503_020155_71_2405", "20240504_021011_03_24ee"]
    assert "another source of the job has them already: 1 scenes, 20240502" in done.stderr


@pytest.mark.parametrize("words", [("plan",), ("plan", "-o", "p.jsonl"), ("run",)])
def test_a_plan_and_a_run_say_what_to_order(
    planet: DataApi, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = call(words[0], "job.yaml", *words[1:])
    assert isinstance(done.exception, PlanError)
    said = str(done.exception)
    assert "lists scenes and gives no files" in said
    assert "berthwatch search JOB --order DIR" in said
    assert "catalog: orders" in said
    assert planet.requests == []
    assert not (tmp_path / "p.jsonl").exists()


def test_a_delivered_order_is_the_catalog_that_follows(planet: DataApi, tmp_path: Path) -> None:
    assert call("search", "job.yaml", "--order", "requests").exit_code == 0
    request = requests_in(tmp_path / "requests")["order-mine-PSScene-analytic_sr_udm2-1.json"]
    (product,) = request["products"]
    assert product["item_ids"] == [scene.id for scene in SCENES]
    make_order(tmp_path / "orders" / "id-of-the-order", make_port(tmp_path), SCENES)
    make_job(tmp_path, "orders")
    done = call("plan", "job.yaml", "--json")
    assert done.exit_code == 0, done.output
    assert [unit["scenes"] for unit in json.loads(done.stdout)["units"]] == [1, 1]


def test_nothing_to_order_is_an_error(planet: DataApi, tmp_path: Path) -> None:
    del planet.items[:4]
    done = call("search", "job.yaml", "--order", "requests")
    assert isinstance(done.exception, InputError)
    assert "there is nothing to order" in str(done.exception)
    assert not (tmp_path / "requests").exists()
