"""Tiles from the archive: the archive's own pixels in the report's colours."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from jobs.archive import PortArchive
from jobs.domain import SENSORS, Pixels, Port, Sensor, StageName, UnitResult, UnitState
from jobs.errors import InputError
from jobs.maps import MapSource, map_app
from jobs.maps.pyramid import Pyramid, cut, tiled
from jobs.publish import ArchiveImagery
from jobs.serve import PageApp, served
from jobs.storage import LocalFolder
from tests.support.doors import berthwatch
from tests.support.factories import make_port
from tests.support.scenes import overpass, scene

pytest.importorskip("titiler.xarray")
from jobs.maps.tiles import tile_app


@pytest.fixture(scope="module")
def address(source: MapSource) -> Iterator[str]:
    with served(map_app(source)) as found:
        yield found


def tile(address: str, port: Port, look: str, level: int, x: int, y: int) -> NDArray[np.uint8]:
    with urlopen(f"{address}pictures/{look}/tiles/{port.id}/{level}/{x}/{y}.png") as answer:
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        return np.asarray(Image.open(BytesIO(answer.read())))


def whole(address: str, port: Port, look: str, pyramid: Pyramid) -> NDArray[np.uint8]:
    level = pyramid.levels - 1
    across, down = pyramid.tiles_at(level)
    rows = [
        np.concatenate([tile(address, port, look, level, x, y) for x in range(across)], axis=1)
        for y in range(down)
    ]
    return np.concatenate(rows)


def test_at_full_size_they_equal_the_pictures_of_the_report(
    address: str, source: MapSource
) -> None:
    for port in source.ports:
        pyramid = tiled(port.grid)
        for look in source.looks(port)[:3]:
            want = source.imagery.rgb(port.id, look.overpass_id)
            assert want is not None
            found = whole(address, port, look.overpass_id, pyramid)
            inside = found[: port.grid.height, : port.grid.width]
            assert np.array_equal(inside[..., 3] > 0, want.any(axis=-1))
            assert np.abs(inside[..., :3].astype(int) - want).max() <= 1
            assert not found[port.grid.height :, :, 3].any()
            assert not found[:, port.grid.width :, 3].any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_true_colour_is_shown_as_the_report_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    port, sensor = make_port(), SENSORS["sentinel-2-visual"]
    with monkeypatch.context() as earlier:  # versions before kept 16 bits of such images
        of_then = replace(sensor, encoding=replace(sensor.encoding, dtype=dtype))
        earlier.setitem(SENSORS, sensor.name, of_then)
        archive = true_colour(LocalFolder(tmp_path), port, sensor)
    archives = {port.id: archive}
    nothing: Any = None  # of the results nothing is asked
    source = MapSource(nothing, (port,), archives, ArchiveImagery(archives))
    want = source.imagery.rgb(port.id, "look")
    assert want is not None
    assert want[..., 0].std() > 10
    with (
        served(PageApp(tile_app(source))) as address,
        urlopen(f"{address}look/tiles/{port.id}/0/0/0.png") as found,
    ):
        image = np.asarray(Image.open(BytesIO(found.read())))
    height, width = want.shape[:2]
    assert tiled(port.grid).levels == 1
    assert np.array_equal(image[:height, :width, 3] > 0, want.any(axis=-1))
    assert np.abs(image[:height, :width, :3].astype(int) - want).max() <= 1


def true_colour(storage: LocalFolder, port: Port, sensor: Sensor) -> PortArchive:
    """An archive with one look of water, a bright shore, and a strip that was not imaged."""
    archive = PortArchive.create_or_open(storage, port, np.zeros(port.grid.shape, bool))
    archive.ensure([replace(overpass(scene({})), id="look", port=port.id, sensor=sensor.name)])
    image = np.random.default_rng(1).integers(20, 90, (3, *port.grid.shape)).astype(np.uint16)
    image[:, :, :40] = 220
    image[:, :, -30:] = 0
    fork = archive.fork()
    index = archive.steps()["look"].index
    fork.write_pixels(sensor.name, index, Pixels(image, np.zeros(port.grid.shape, np.uint8)))
    done = UnitResult("look", StageName.TILE, UnitState.DONE)
    archive.commit([(done, "key")], [fork], "fill", {})
    return archive


def test_coarse_tiles_are_means_and_drop_no_ship(address: str, source: MapSource) -> None:
    port = source.ports[1]
    look = source.looks(port)[0].overpass_id
    picture = source.imagery.rgb(port.id, look)
    assert picture is not None
    found = tile(address, port, look, 0, 0, 0)
    want = next(each.pixels for each in cut(picture, tiled(port.grid)) if each.level == 0)
    seen = (found[..., 3] == 255) & (want[..., 3] == 255)
    # the mean of reflectances is not quite that of the colours made from them
    assert np.abs(found[..., :3].astype(int) - want[..., :3])[seen].mean() < 4
    ship = found[148:153, 273:277, 0].astype(int)
    assert ship.max() > found[..., 0][seen].mean() + 40


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("pictures/none/tiles/RUVYP/0/0/0.png", 404),
        ("pictures/{look}/tiles/WIDE/0/0/0.png", 404),
        ("pictures/{look}/tiles/OTHER/0/0/0.png", 404),
        ("pictures/{look}/tiles/RUVYP/-1/0/0.png", 404),
        ("pictures/{look}/tiles/RUVYP/9/0/0.png", 404),
        ("pictures/{look}/tiles/RUVYP/0/7/0.png", 404),
        ("pictures/{look}/info", 404),
        ("data/OTHER.js", 404),
        ("nothing", 404),
    ],
)
def test_what_is_not_there_is_said_so(
    address: str, source: MapSource, path: str, status: int
) -> None:
    look = source.looks(source.ports[0])[0].overpass_id
    with pytest.raises(HTTPError) as refused:
        urlopen(address + path.format(look=look))
    refused.value.close()
    assert refused.value.code == status


def test_without_titiler_the_refusal_says_what_to_install(
    job: Path, source: MapSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "titiler.xarray.factory", None)
    monkeypatch.delitem(sys.modules, "jobs.maps.tiles")
    with pytest.raises(InputError, match=r"pip install 'berthwatch\[map\]', or write .* with -o"):
        map_app(source)
    refused = berthwatch("map", job)
    assert refused.code == 2
    assert "needs titiler-xarray, which is not installed" in refused.err


def test_a_place_that_is_none_is_refused_before_the_work(job: Path) -> None:
    refused = berthwatch("map", job, "--listen", "8000")
    assert refused.code == 2
    assert "names no place to serve; expected HOST:PORT" in refused.err


def test_the_command_serves_until_it_is_stopped(job: Path) -> None:
    program = [sys.executable, "-c", "from jobs.cli import main; main()"]
    command = [*program, "map", str(job), "--port", "WIDE"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{43}/", address)
        with urlopen(address) as answer:
            assert b"Wide &amp; open roads" in answer.read()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.splitlines()[-1] == "stopped serving; nothing was changed"
