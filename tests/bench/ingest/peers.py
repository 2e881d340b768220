"""Peers that need another Python than ours, in an environment of their own.

Imported, this makes the environment and runs itself in it; run, as ``peers.py NAME JOB``, it is one
measured method and prints a line of JSON. It imports nothing of ours but `usage`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.ingest.usage import Span, figures, usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tests.bench.ingest.archive import MadeArchive

PINNED = {"lazycogs": "lazycogs==0.7.0", "rasteret": "rasteret==0.4.1"}
ALSO = ("dask==2026.8.0", "distributed==2026.8.0", "xarray==2026.9.0", "zarr==3.1.6", "rustac")
PYTHONS = ("python3.13", "python3.12")
ROOT = Path(__file__).parents[3]

BANDS = ("blue", "green", "red", "nir")
WORKERS = 2
CHUNK = 1024


# --- from our side -------------------------------------------------------------------------------


@cache
def why_not(name: str, folder: Path) -> str:
    """Why a peer cannot be run; empty where it can. Installs it at first use."""
    home = _environment(folder)
    python = next(filter(_works, map(shutil.which, PYTHONS)), None)
    if python is None:
        return f"it needs one of {' and '.join(PYTHONS)} that works here"
    try:
        if not (home / "bin" / "python").exists():
            words = [python, "-m", "venv", str(home)]
            subprocess.run(words, check=True, capture_output=True, text=True)
        if subprocess.run(
            [_python(folder), "-c", f"import {name}"], capture_output=True
        ).returncode:
            words = [_python(folder), "-m", "pip", "install", *PINNED.values(), *ALSO]
            subprocess.run(words, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        last = " ".join((error.stderr or "no reason given").strip().splitlines()[-1:])
        return f"{PINNED[name]} cannot be installed: {last}"
    return ""


def _works(python: str | None) -> bool:
    """Whether an interpreter is more than a name: version managers put shims on the path."""
    return (
        python is not None
        and not subprocess.run([python, "-c", ""], capture_output=True).returncode
    )


def _environment(folder: Path) -> Path:
    return folder / "peers"


def _python(folder: Path) -> str:
    return str(_environment(folder) / "bin" / "python")


def run(name: str, archive: MadeArchive, out: Path, folder: Path) -> dict[str, Any]:
    """A peer's figures, from a process and a cluster of its own."""
    from jobs.run.cluster import WORKER_ENVIRONMENT

    out.mkdir(parents=True)
    job = out.with_name(f"{out.name}.json")
    grid = archive.port
    facts = {
        "items": archive.items,
        "out": str(out),
        "epsg": grid.epsg,
        "bounds": grid.bounds,
        "resolution": grid.resolution_m,
        "shape": grid.shape,
        "environment": WORKER_ENVIRONMENT,
    }
    job.write_text(json.dumps(facts))
    done = subprocess.run(
        [_python(folder), "-m", "tests.bench.ingest.peers", name, str(job)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def image(_: MadeArchive, out: Path) -> Callable[[int], NDArray[np.uint16]]:
    """Reads one overpass (band, y, x) back, by its number in time order."""
    import numpy as np
    import zarr

    group = zarr.open_group(out / "out.zarr", mode="r")
    return lambda number: np.asarray(group["reflectance"][number])  # type: ignore[index]


# --- in their environment ------------------------------------------------------------------------


def _table(job: dict[str, Any]) -> str:
    """The items as a table on disk, as both want them."""
    import rustac

    path = f"{job['out']}/items.parquet"
    rustac.write_sync(path, job["items"])
    return path


class Items:
    """Finds items in a list, in place of the library's DuckDB: that fetches an extension from its
    maker's server whenever it starts, and would cost more than this.
    """

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = sorted(items, key=lambda item: item["properties"]["datetime"])

    def search(
        self, *_: object, datetime: str | None = None, max_items: int | None = None, **__: object
    ) -> list[dict[str, Any]]:
        """The items of a moment or period."""
        if datetime is None:
            return self.items[:max_items]
        first, _, last = datetime.partition("/")
        low, high = _moment(first), _moment(last or first)
        found = (i for i in self.items if low <= _moment(i["properties"]["datetime"]) <= high)
        return list(found)[:max_items]

    def search_to_arrow(self, *_: object, **__: object) -> Any:
        """All items as a table."""
        import rustac

        return rustac.to_arrow(self.items)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def as_urls(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items with addresses of files as the library wants them."""
    return [
        {
            **item,
            "assets": {
                name: {**asset, "href": f"file://{asset['href']}"}
                for name, asset in item["assets"].items()
            },
        }
        for item in items
    ]


def lazycogs(client: Any, job: dict[str, Any], table: str) -> None:
    """One lazy array, chunked and packed as those of the other peers."""
    import lazycogs as library
    import xarray as xr
    from zarr.codecs import BloscCodec

    def opened(bands: list[str], dtype: str) -> xr.DataArray:
        return library.open(
            table,
            bbox=tuple(job["bounds"]),
            crs=f"EPSG:{job['epsg']}",
            resolution=job["resolution"],
            bands=bands,
            dtype=dtype,
            nodata=0,
            time_period=None,
            duckdb_client=Items(as_urls(job["items"])),
            chunks={"time": 1, "band": len(bands), "y": CHUNK, "x": CHUNK},
        ).transpose("time", "band", "y", "x")

    data = xr.Dataset(
        {
            "reflectance": opened([*BANDS], "uint16").drop_vars("band"),
            "scl": opened(["scl"], "uint8").isel(band=0, drop=True),
        }
    )
    codec = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
    for variable in data.variables.values():
        variable.encoding.clear()
        variable.attrs.clear()
    data = data.drop_vars([name for name in data.coords if name not in data.dims]).drop_attrs()
    encoding = {name: {"compressors": codec} for name in data.data_vars}
    data.to_zarr(
        f"{job['out']}/out.zarr", mode="w", encoding=encoding, zarr_format=3, consolidated=False
    )


@cache
def loaded(collection: str) -> Any:
    """The collection, once for each process."""
    import rasteret as library

    return library.load(collection)


def rasteret_task(job: dict[str, Any], collection: str, number: int, name: str) -> None:
    """Read one overpass and write its chunks."""
    import zarr

    kept = loaded(collection)
    group = zarr.open_group(f"{job['out']}/out.zarr", mode="r+")
    for array, bands in (("reflectance", [*BANDS]), ("scl", ["scl"])):
        found = kept.read_window(
            record_ids=[name],
            bounds=tuple(job["bounds"]),
            res=(job["resolution"],) * 2,
            bands=bands,
            target_crs=job["epsg"],
        )
        group[array][number] = found if array == "reflectance" else found[0]


def rasteret(client: Any, job: dict[str, Any], table: str) -> None:
    """One task an overpass, each window read as a whole: the library has no lazy arrays."""
    import rasteret as library
    import zarr
    from distributed import wait
    from zarr.codecs import BloscCodec

    library.build_from_table(
        table,
        name="bench",
        workspace_dir=f"{job['out']}/collection",
        data_source="earthsearch/sentinel-2-l2a",
        enrich_cog=True,
        band_codes=[*BANDS, "scl"],
        force=True,
    )
    group = zarr.open_group(f"{job['out']}/out.zarr", mode="w")
    codec, count = BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), len(job["items"])
    for name, dtype, inner in (("reflectance", "uint16", (len(BANDS),)), ("scl", "uint8", ())):
        group.create_array(
            name,
            shape=(count, *inner, *job["shape"]),
            chunks=(1, *inner, *(min(CHUNK, edge) for edge in job["shape"])),
            dtype=dtype,
            compressors=codec,
        )
    small = {key: value for key, value in job.items() if key != "items"}
    tasks = [
        client.submit(rasteret_task, small, f"{job['out']}/collection", number, item["id"])
        for number, item in enumerate(job["items"])
    ]
    for task in wait(tasks).done:
        task.result()


def warm(name: str) -> None:
    """Import what the method uses."""
    __import__(name)


def measure(name: str, job: dict[str, Any]) -> dict[str, Any]:
    """One method on two workers of one thread, with the settings of ours for the allocator."""
    import dask
    from distributed import LocalCluster

    dask.config.set({"distributed.nanny.pre-spawn-environ": job["environment"]})
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
        cluster.get_client() as client,
    ):
        client.run(warm, name)
        warm(name)
        table = _table(job)
        before, mine = client.run(usage), usage()
        began = time.perf_counter()
        {"lazycogs": lazycogs, "rasteret": rasteret}[name](client, job, table)
        wall_s = time.perf_counter() - began
        own, after = usage(), client.run(usage)
    workers: list[Span] = [(before[worker], after[worker]) for worker in after]
    return figures(name, Path(job["out"]), wall_s, workers, (mine, own), 0)


if __name__ == "__main__":
    words = json.loads(Path(sys.argv[2]).read_text())
    os.environ.update(words["environment"])
    print(json.dumps(measure(sys.argv[1], words)))
