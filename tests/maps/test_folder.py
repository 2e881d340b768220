"""A map as a folder of files: whole, exact, self-sufficient."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.errors import InputError
from jobs.maps import MapSource, PictureFormat, write_map
from tests.support.doors import berthwatch


@pytest.fixture(scope="module")
def exact(source: MapSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exact") / "map"
    write_map(source, folder, PictureFormat.PNG)
    return folder


def test_pictures_are_those_of_the_report_to_the_level(exact: Path, source: MapSource) -> None:
    seen = 0
    for port in source.ports:
        for look in source.looks(port):
            picture = source.imagery.rgb(port.id, look.overpass_id)
            path = exact / "pictures" / look.overpass_id / "0-0-0.png"
            assert path.exists() is (picture is not None)
            if picture is not None:
                found = np.asarray(Image.open(path).convert("RGBA"))
                assert np.array_equal(found[..., :3], picture)
                assert np.array_equal(found[..., 3] > 0, picture.any(axis=-1))
                seen += 1
    assert seen == 8


def test_webp_differs_by_a_few_levels_and_is_much_smaller(
    exact: Path, source: MapSource, tmp_path: Path
) -> None:
    written = write_map(source, tmp_path / "map")
    port = source.ports[0]
    look = source.looks(port)[0].overpass_id
    found = np.asarray(Image.open(tmp_path / "map" / "pictures" / look / "0-0-0.webp"))
    want = source.imagery.rgb(port.id, look)
    assert want is not None
    seen = want.any(axis=-1)
    assert np.abs(found[..., :3].astype(int) - want)[seen].mean() < 3
    exact_bytes = sum(path.stat().st_size for path in exact.rglob("*.png"))
    webp_bytes = sum(path.stat().st_size for path in (tmp_path / "map").rglob("*.webp"))
    assert webp_bytes < exact_bytes / 3
    assert (written.looks, written.without_picture) == (9, 1)


def test_nothing_in_it_refers_to_anything_outside(exact: Path) -> None:
    page = re.sub(r"(?s)<script>.*?</script>", "", (exact / "index.html").read_text())
    scripts = "".join(re.findall(r"(?s)<script>(.*?)</script>", (exact / "index.html").read_text()))
    assert "default-src 'none'" in page
    assert "fetch(" not in scripts
    assert "XMLHttpRequest" not in scripts
    assert set(re.findall(r'(?:src|href)="([^"#][^":]*)', page)) <= {"data"}
    for script in exact.glob("data/*.js"):
        address = re.search(r'"address":"([^"]+)"', script.read_text())
        assert address
        assert address[1] == "pictures/{look}/{z}-{x}-{y}.png"


def test_the_command_says_what_it_wrote(job: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "map"
    done = berthwatch("map", job, "--port", "RUVYP", "-o", target)
    assert done.code == 0, done.err
    assert done.out.strip() == str(target / "index.html")
    assert re.search(r"6 looks in 8 files, \d\.\d MB", done.err)
    assert "without a picture, as the archive has no pixels of them: 1" in done.err
    assert sorted(path.name for path in target.iterdir()) == [
        "LEAFLET-LICENSE.txt", "data", "index.html", "pictures",
    ]  # fmt: skip
    again = berthwatch("map", job, "--port", "WIDE", "-o", target)
    assert again.code == 0, again.err
    assert [path.name for path in (target / "data").iterdir()] == ["WIDE.js"]


def test_a_folder_of_other_things_is_not_replaced(job: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = berthwatch("map", job, "-o", tmp_path)
    assert refused.code == 2
    assert "is not empty and holds no map" in refused.err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["notes.txt", "data/notes.txt", "pictures/mine/a/b.png"])
def test_what_somebody_put_beside_a_map_is_not_lost(
    source: MapSource, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "map"
    write_map(replace(source, ports=source.ports[1:]), target)
    write_map(replace(source, ports=source.ports[1:]), target, PictureFormat.PNG)
    mine = target / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("years of work")
    with pytest.raises(InputError, match=f"{name}, which is no part of it"):
        write_map(source, target)
    assert mine.read_text() == "years of work"


def test_a_failure_leaves_nothing_half_written(source: MapSource, tmp_path: Path) -> None:
    def interrupted(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_map(source, tmp_path / "map", progress=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_a_job_without_results_is_refused(job: Path, tmp_path: Path) -> None:
    other = job.with_name("other.yaml")
    other.write_text(job.read_text().replace("name: world", "name: another"))
    refused = berthwatch("map", other, "-o", tmp_path / "map")
    assert refused.code == 2
    assert "has no results yet: berthwatch run" in refused.err
    with pytest.raises(InputError):
        write_map(
            source=None,  # type: ignore[arg-type]  # refused before it is looked at
            folder=job.parent,
        )
