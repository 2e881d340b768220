"""Training, evaluation and reading of scenes on a small catalog written here."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from rasterio.transform import from_origin
from rasterio.warp import transform, transform_bounds

from models.config import ChipSettings, UNetConfig
from models.dataset.augment import augment
from models.dataset.boxes import Box
from models.dataset.catalog import DatasetError
from models.dataset.chips import draw_chip, prepare
from models.dataset.scenes import LabelSource, read_scenes
from models.dataset.targets import draw_hulls, draw_labels
from models.evaluation.evaluate import EvaluateConfig, evaluate_network
from models.evaluation.metrics import Rule
from models.evaluation.text import report_lines
from models.geometry import coverage
from models.network.normalise import BANDS
from models.training.cross_validation import (
    cross_validate,
    held_out_by,
    split_groups,
    with_cross_validation,
)
from models.training.folds import FoldsError, train_without
from models.training.losses import hull_loss
from models.training.train import TrainConfig, TrainingError, _chances, train_network
from models.weights import save_weights, weights_digest

pytestmark = pytest.mark.early

SIZE = 120
SHIPS = ((30.0, 40.0, 16.0, 3.0, 20.0), (80.0, 70.0, 22.0, 4.0, 110.0))
LEFT, TOP = 500_000.0, 4_000_000.0


def write_item(folder: Path, name: str, port: str, epsg: int = 32631) -> dict[str, object]:
    """One item of four bands with two bright ships on dark water; returns its link."""
    random = np.random.default_rng(len(port))
    place = folder / name
    place.mkdir(parents=True)
    grid = from_origin(LEFT, TOP, 10, 10)
    share = np.zeros((SIZE, SIZE), np.float32)
    for ship in SHIPS:
        window, part = coverage((SIZE, SIZE), *ship)
        share[window] += part
    assets = {}
    for band in BANDS:
        values = 2000 + random.normal(0, 80, share.shape) + 9000 * share
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": SIZE, "width": SIZE}
        with rasterio.open(
            place / f"{band}.tif", "w", crs=f"EPSG:{epsg}", transform=grid, **profile
        ) as file:
            file.write(values.astype(np.uint16), 1)
        assets[band] = {
            "href": f"./{band}.tif",
            "eo:bands": [{"common_name": band}],
            "raster:bands": [{"data_type": "uint16", "scale": 1 / 65535, "offset": 0.0}],
        }
    edges = (LEFT, TOP - 10 * SIZE, LEFT + 10 * SIZE, TOP)
    item = {
        "id": name,
        "bbox": transform_bounds(f"EPSG:{epsg}", "EPSG:4326", *edges),
        "properties": {"datetime": "2024-05-01T10:00:00Z", "port": port},
        "assets": assets,
    }
    (place / f"{name}.json").write_text(json.dumps(item))
    return {"rel": "item", "href": f"./{name}/{name}.json"}


def write_labels(path: Path, names: list[str]) -> None:
    rows = []
    for name in names:
        for row, col, length, beam, heading in SHIPS:
            x, y = LEFT + 10 * (col + 0.5), TOP - 10 * (row + 0.5)
            lon, lat = transform("EPSG:32631", "EPSG:4326", [x], [y])
            rows.append((name, lon[0], lat[0], 10 * length, 10 * beam, heading, "ship", 3))
    columns = ["item", "lon", "lat", "length_m", "width_m", "heading_mod180_deg"]
    frame = pd.DataFrame(rows, columns=[*columns, "class", "confidence"])
    frame.to_csv(path, index=False)


@pytest.fixture
def source(tmp_path: Path) -> LabelSource:
    folder = tmp_path / "drawn"
    links = [write_item(folder, f"scene-{port}", port) for port in ("east", "west-port")]
    (folder / "collection.json").write_text(json.dumps({"id": "drawn", "links": links}))
    root = {"links": [{"rel": "child", "href": "./drawn/collection.json"}]}
    (tmp_path / "catalog.json").write_text(json.dumps(root))
    (tmp_path / "labels").mkdir()
    write_labels(tmp_path / "labels" / "ships.csv", ["scene-east", "scene-west-port"])
    return LabelSource(tmp_path / "catalog.json", "drawn", tmp_path / "labels")


def config(source: LabelSource, **changes: object) -> TrainConfig:
    small = TrainConfig(
        (source,),
        steps=20,
        batch=4,
        chips=ChipSettings(size_px=64),
        network=UNetConfig(widths=(8, 8, 8)),
    )
    return replace(small, **changes)  # type: ignore[arg-type]


def silent(_: str) -> None:
    pass


def test_scenes_come_with_pixels_on_the_utm_grid_and_boxes_in_place(source: LabelSource) -> None:
    scenes = list(read_scenes(source))
    assert [scene.group for scene in scenes] == ["east", "west-port"]
    for scene in scenes:
        assert scene.bands == BANDS
        assert scene.image.shape == (4, SIZE, SIZE)
        assert scene.image[0, 30, 40] == pytest.approx(11000 / 65535, rel=0.1)
        for box, (row, col, length, beam, heading) in zip(scene.boxes, SHIPS, strict=True):
            assert (box.row, box.col) == (
                pytest.approx(row, abs=0.02),
                pytest.approx(col, abs=0.02),
            )
            assert (box.length_m, box.beam_m) == (10 * length, 10 * beam)
            assert box.heading_deg == pytest.approx(heading, abs=0.1)
            assert box.is_ship


def test_a_missing_collection_is_refused_by_name(source: LabelSource) -> None:
    with pytest.raises(DatasetError, match="no collection 'other'; there are drawn"):
        list(read_scenes(replace(source, collection="other")))
    with pytest.raises(DatasetError, match="No such file"):
        list(read_scenes(replace(source, catalog=Path("nowhere.json"))))
    with pytest.raises(DatasetError, match="no CSV files"):
        list(read_scenes(replace(source, labels=source.catalog.parent / "drawn")))


def test_twenty_steps_reduce_the_loss_and_the_weights_load(
    source: LabelSource, tmp_path: Path
) -> None:
    lines: list[str] = []
    trained = train_network(config(source), lines.append)
    losses = [float(line.rsplit(" ", 1)[1]) for line in lines[1:]]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
    save_weights(trained, tmp_path / "w.safetensors")
    report = evaluate_network(EvaluateConfig((source,), weights=tmp_path / "w.safetensors"), silent)
    assert report.scores(Rule.OVERLAP).ships == 4
    assert str(tmp_path) not in json.dumps(trained.training)


def test_the_same_seed_gives_the_same_weights(source: LabelSource) -> None:
    one, other = (train_network(config(source, steps=3), silent) for _ in range(2))
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name])


def test_nothing_to_train_on_is_refused(source: LabelSource) -> None:
    with pytest.raises(TrainingError, match="no labelled ship"):
        train_network(config(source, held_out=("east", "west-port")), silent)


def test_an_impossible_training_is_refused_before_it_starts(source: LabelSource) -> None:
    with pytest.raises(TrainingError, match="no device 'tpu'; expected cpu or cuda"):
        train_network(config(source, device="tpu"), silent)
    with pytest.raises(FoldsError, match="1 fold of east, west-port; expected two or more"):
        cross_validate(config(source), 1, progress=silent)


def test_cross_validation_leaves_out_and_reports_every_port(source: LabelSource) -> None:
    lines: list[str] = []
    result = cross_validate(config(source, steps=2), progress=lines.append)
    assert {line.split(":")[0] for line in lines if line.startswith("without")} == {
        "without east",
        "without west-port",
    }
    assert result.report.scores(Rule.DISTANCE).ships == 4
    assert [line for line in lines if line.startswith("calibrating")] == [
        "calibrating for east on the others",
        "calibrating for west-port on the others",
    ]
    adopted = with_cross_validation(train_network(config(source, steps=1), silent), result)
    assert adopted.calibration == result.calibration
    assert "held_out" in adopted.training
    (error,) = adopted.detector_errors
    assert (error.place, error.ships, error.ports) == ("anchorage", 4, 2)
    assert "4 ships at 2 ports" in report_lines(result.report)[-1]


def test_networks_of_folds_are_kept_and_not_trained_again(
    source: LabelSource, tmp_path: Path
) -> None:
    lines: list[str] = []
    tiny, folder = config(source, steps=2), tmp_path / "folds"
    shares = [("east",), ("west-port",)]
    paths = train_without(tiny, shares, folder, lines.append, parallel=2)
    assert [path.name for path in paths] == ["east.safetensors", "west-port.safetensors"]
    assert any(line.startswith("without east: training on 1 scenes") for line in lines)
    before = [weights_digest(path) for path in paths]
    paths[1].unlink()
    lines.clear()
    train_without(tiny, shares, folder, lines.append)
    assert "east.safetensors is there already" in lines
    assert [weights_digest(path) for path in paths] == before
    with pytest.raises(FoldsError, match=r"other settings \(steps\)"):
        train_without(replace(tiny, steps=3), shares, folder, lines.append)


def test_training_goes_on_from_other_weights(source: LabelSource, tmp_path: Path) -> None:
    first = train_network(config(source, steps=2, seed=5), silent)
    save_weights(first, tmp_path / "first.safetensors")
    still = config(source, steps=1, learning_rate=0.0, start=tmp_path / "first.safetensors")
    second = train_network(still, silent)
    for name, array in first.arrays.items():
        if "running" not in name and "batches" not in name:
            np.testing.assert_array_equal(array, second.arrays[name])
    settings = second.training["settings"]
    assert isinstance(settings, dict)
    assert settings["start"] == weights_digest(tmp_path / "first.safetensors")


def test_splitting_keeps_every_group_once() -> None:
    ships = dict.fromkeys("abcdefg", 1)
    for folds in (None, 1, 3, 7, 20):
        shares = split_groups(ships, folds)
        assert sorted(group for share in shares for group in share) == list("abcdefg")
        assert all(shares)


def test_shares_hold_about_as_many_ships_each() -> None:
    ships = {"large": 90, "middle": 40, "other": 38, "small": 9, "one": 1, "none": 0, "empty": 0}
    assert split_groups(ships, 3) == [
        ("empty", "middle", "none", "one"),
        ("large",),
        ("other", "small"),
    ]


def test_many_groups_have_a_file_name(tmp_path: Path, source: LabelSource) -> None:
    groups = tuple(f"port-{number:03}" for number in range(60))
    (path,) = train_without(config(source, steps=1), [groups], tmp_path, silent)
    assert path.name.startswith("port-000-and-59-more-")
    assert held_out_by(tmp_path) == {path: groups}


def test_labels_mark_seams_and_doubt() -> None:
    beside = [Box(30, 30, 200, 40, 90, "ship", 3), Box(34, 30, 200, 40, 90, "ship", 3)]
    doubtful = Box(60, 30, 100, 40, 90, "ignore", 1)
    ship, border, trusted = draw_labels([*beside, doubtful], (80, 80))
    assert ship[30, 30] == ship[34, 30] == 1
    assert border[30, 30] == 0
    assert border[32, 30] == 1
    assert trusted[60, 30] == 0
    assert trusted[30, 30] == trusted[10, 10] == 1


def test_hull_planes_hold_size_heading_and_centre() -> None:
    box = Box(30.5, 42.0, 240, 30, 120, "ship", 3)
    weight, length, beam, cosine, sine, down, right = draw_hulls([box], (80, 90))
    inside = weight > 0
    assert weight.sum() * np.sqrt(24 * 3 / 30) == pytest.approx(24 * 3, rel=0.05)
    assert np.unique(length[inside]) == pytest.approx(np.log(2.4))
    assert np.unique(beam[inside]) == pytest.approx(np.log(1.5))
    assert np.unique(cosine[inside]) == pytest.approx(-0.5)
    assert np.unique(sine[inside]) == pytest.approx(-np.sqrt(0.75))
    rows, cols = np.nonzero(inside)
    assert rows + 10 * down[inside] == pytest.approx(30.5)
    assert cols + 10 * right[inside] == pytest.approx(42.0)


def test_a_hull_cut_by_the_edge_has_no_weight() -> None:
    cut, doubtful = Box(5, 40, 240, 30, 0, "ship", 3), Box(50, 40, 240, 30, 0, "ignore", 1)
    assert not draw_hulls([cut, doubtful], (80, 90))[0].any()


def test_the_hull_loss_is_least_at_the_truth_and_at_the_actual_error() -> None:
    truth = torch.from_numpy(draw_hulls([Box(30, 40, 100, 20, 45, "ship", 3)], (60, 80)))[None]
    weight, planes = truth[:, 0], truth[:, 1:]

    def outputs(off: float, error: float) -> torch.Tensor:
        first, rest = planes[:, :4] + off, planes[:, 4:]
        return torch.cat([first, torch.full_like(weight[:, None], error), rest], dim=1)

    right = hull_loss(outputs(0.0, -4.0), planes, weight)
    assert right < hull_loss(outputs(0.1, -4.0), planes, weight)
    wrong = [
        float(hull_loss(outputs(0.2, np.log(scale)), planes, weight)) for scale in (0.05, 0.2, 0.8)
    ]
    assert wrong[1] < min(wrong[0], wrong[2])


def test_extra_scenes_have_their_share_of_the_chips(source: LabelSource) -> None:
    canvases = [prepare(scene) for scene in read_scenes(source)]
    chances = _chances(canvases[:1], canvases[1:], 0.35)
    assert chances == pytest.approx([0.65, 0.35])
    assert _chances(canvases, [], 0.35) == pytest.approx([0.5, 0.5])
    assert _chances([], canvases, 0.35) == pytest.approx([0.5, 0.5])


def test_chips_keep_their_shape_and_their_labels_in_range(source: LabelSource) -> None:
    canvases = [prepare(scene) for scene in read_scenes(source)]
    random = np.random.default_rng(0)
    for size in (64, 160):
        for _ in range(20):
            chip = draw_chip(canvases, np.array([0.5, 0.5]), ChipSettings(size_px=size), random)
            assert chip.planes.shape == (4, size, size)
            assert chip.labels.shape == (10, size, size)
            assert chip.planes.dtype == chip.labels.dtype == np.float32
            assert 0 <= chip.labels[:4].min() <= chip.labels[:4].max() <= 1
            assert np.isfinite(chip.planes).any()


def test_augmenting_moves_no_ship() -> None:
    planes = np.zeros((4, 60, 60), np.float32)
    planes[:, 28:32, 20:40] = 1.5
    for seed in range(20):
        augmented = augment(planes, np.random.default_rng(seed))
        visible = np.nanmedian(augmented[:3], axis=0)
        assert visible[28:32, 20:40].mean() > visible[40:].mean() + 0.2


def test_altered_chips_often_lack_the_near_infrared_and_seldom_a_visible_band() -> None:
    """As images do that the network will get: true colour has no near infrared."""
    random = np.random.default_rng(0)
    planes = np.zeros((4, 32, 32), np.float32)
    missing = np.array(
        [np.isnan(augment(planes.copy(), random)).all(axis=(1, 2)) for _ in range(400)]
    ).mean(axis=0)
    lacks = dict(zip(BANDS, missing, strict=True))
    assert 0.35 < lacks.pop("nir") < 0.55
    assert max(lacks.values()) < 0.06
