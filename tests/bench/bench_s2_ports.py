"""The whole job on the ten real ports, each with a network that was not trained on it.

make train
python tests/bench/bench_s2_ports.py --data ../shared/data/real-imagery --work build/folds

The first command trains the networks (or `berthwatch train --keep DIR`); the second runs
``berthwatch run`` on the ports each of them was not trained on (search, plan, warp to UTM, archive,
segment with the land mask, publish) and compares the published vessels with the completed labels.
Rules: ships of 40 m and more with confidence 2 or 3 are wanted, everything else labelled (small
craft, docks, areas with inseparable ships) may be found or not; a match is one to one, by
overlap of the boxes (IoU at least .1) and, beside it, by centres within 60 m.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.optimize import linear_sum_assignment
from shapely.geometry import Polygon, box

from jobs.domain.geometry import local_grid

LEAST_M = 40.0
LEAST_IOU = 0.1
NEAR_M = 60.0


@dataclass(frozen=True)
class Count:
    """Objects of one port under one rule."""

    right: int
    wrong: int
    missed: int
    iou: float
    """Mean over the pairs; NaN without any."""

    def line(self) -> str:
        found, there = self.right + self.wrong, self.right + self.missed
        precision = self.right / found if found else float("nan")
        recall = self.right / there if there else float("nan")
        f1 = 2 * self.right / (found + there) if found + there else float("nan")
        return f"P {precision:.3f}  R {recall:.3f}  F1 {f1:.3f}  IoU {self.iou:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder with the folds' weights")
    arguments = parser.parse_args()
    overlap: list[Count] = []
    near: list[Count] = []
    for weights in sorted(arguments.work.glob("*.safetensors")):
        for port in weights.stem.split("-"):
            found = run(port, weights.resolve(), arguments.data.resolve())
            labels = pd.read_csv(arguments.data / "s2-ports-labels" / f"{port}.csv")
            by_overlap, by_distance = compare(found, labels)
            overlap.append(by_overlap)
            near.append(by_distance)
            print(f"{port:11s} overlap {by_overlap.line()}   60 m {by_distance.line()}", flush=True)
    print(f"{'all':11s} overlap {total(overlap).line()}   60 m {total(near).line()}")


def run(port: str, weights: Path, data: Path) -> gpd.GeoDataFrame:
    """The published vessels of one port, in its UTM zone's metres."""
    (item,) = (data / "s2-ports").glob(f"S2_L2A_{port}_*/*.json")
    area = box(*json.loads(item.read_text())["bbox"])
    with tempfile.TemporaryDirectory() as folder:
        job = write_job(Path(folder), port, area, weights, data / "catalog.json")
        command = [sys.executable, "-c", "from jobs.cli import main; main()", "run", str(job)]
        done = subprocess.run(
            [*command, "--json", "--workers", "1"], capture_output=True, text=True, check=True
        )
        published = Path(json.loads(done.stdout)["published"])
        vessels = gpd.read_parquet(published / "vessels.parquet").set_geometry("footprint")
        return vessels.to_crs(local_grid(area).epsg)


def write_job(folder: Path, port: str, area: Polygon, weights: Path, catalog: Path) -> Path:
    """A job over one port; its whole area is one anchorage, so the land mask acts everywhere."""
    ring = [list(point) for point in area.exterior.coords]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    properties = {"role": "port", "id": port, "name": port, "country": "-"}
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    (folder / "port.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    job = folder / "job.yaml"
    job.write_text(
        f"name: {port}\nports: [{{id: {port}, file: port.geojson}}]\n"
        "period: {start: 2022-01-01, end: 2024-12-31}\n"
        f"sources: [{{catalog: {catalog}, collection: s2-ports}}]\n"
        f"archive: archive\nmodel: {weights}\n"
    )
    return job


# --- comparing ----------------------------------------------------------------------------------


def compare(found: gpd.GeoDataFrame, labels: pd.DataFrame) -> tuple[Count, Count]:
    """Counts by overlap of the boxes and by distance of their centres."""
    boxes = label_boxes(labels, found.crs.to_epsg())
    sure = (labels["class"] == "ship") & (labels["confidence"] >= 2)
    wanted = (sure & (labels["length_m"] >= LEAST_M)).to_numpy()
    doubtful = ~wanted & (labels["class"] != "wrong").to_numpy()
    hulls = found.geometry.to_numpy()
    iou = overlaps(hulls, boxes)
    apart = shapely.distance(shapely.centroid(hulls)[:, None], shapely.centroid(boxes)[None, :])
    excused = (iou[:, doubtful] > 0).any(axis=1) if doubtful.any() else np.zeros(len(hulls), bool)
    by_overlap = count(iou, np.where(iou >= LEAST_IOU, 1 - iou, np.inf), wanted, excused)
    by_distance = count(iou, np.where(apart <= NEAR_M, apart, np.inf), wanted, excused)
    return by_overlap, by_distance


def label_boxes(labels: pd.DataFrame, epsg: int) -> NDArray[np.object_]:
    """The labels as rotated boxes in metres; heading clockwise from north."""
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(
        labels["lon"].to_numpy(), labels["lat"].to_numpy()
    )
    along = np.deg2rad(labels["heading_mod180_deg"].fillna(0).to_numpy())
    half_l, half_w = labels["length_m"].to_numpy() / 2, labels["width_m"].to_numpy() / 2
    forward = np.stack([np.sin(along), np.cos(along)], axis=1) * half_l[:, None]
    aside = np.stack([np.cos(along), -np.sin(along)], axis=1) * half_w[:, None]
    centre = np.stack([x, y], axis=1)
    corners = [centre + forward + aside, centre + forward - aside]
    corners += [centre - forward - aside, centre - forward + aside]
    return np.asarray(shapely.polygons(np.stack(corners, axis=1)))


def overlaps(one: NDArray[np.object_], other: NDArray[np.object_]) -> NDArray[np.float64]:
    """Intersection over union of every pair."""
    both = shapely.area(shapely.intersection(one[:, None], other[None, :]))
    either = shapely.area(one)[:, None] + shapely.area(other)[None, :] - both
    return np.asarray(both / either)


def count(
    iou: NDArray[np.float64],
    cost: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    excused: NDArray[np.bool_],
) -> Count:
    """Match found with wanted at least cost; unmatched ones on doubtful labels are no error."""
    cost, iou = cost[:, wanted], iou[:, wanted]
    rows, columns = linear_sum_assignment(np.where(np.isinf(cost), 1e9, cost))
    pairs = [(i, j) for i, j in zip(rows, columns, strict=True) if np.isfinite(cost[i, j])]
    matched = np.zeros(len(cost), bool)
    matched[[i for i, _ in pairs]] = True
    return Count(
        right=len(pairs),
        wrong=int((~matched & ~excused).sum()),
        missed=int(wanted.sum()) - len(pairs),
        iou=float(np.mean([iou[i, j] for i, j in pairs])) if pairs else float("nan"),
    )


def total(counts: list[Count]) -> Count:
    """All ports together."""
    right = sum(c.right for c in counts)
    iou = sum(c.iou * c.right for c in counts if c.right) / right if right else float("nan")
    return Count(right, sum(c.wrong for c in counts), sum(c.missed for c in counts), iou)


if __name__ == "__main__":
    main()
