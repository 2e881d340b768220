"""What the parts of a run cost: the measured numbers behind ``cost``.

CPU seconds are those of a core that did nothing else; ``Prices.cpu_factor`` makes them those of
another. Requests follow from what Icechunk and the results consist of. ``python -m
tests.bench.bench_run_costs`` compares all of it with what whole runs spend.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.domain import StageName
from jobs.plan.estimate import Estimate


@dataclass(frozen=True)
class PerOverpass:
    """So much for each overpass, and so much for each megapixel of its port's grid."""

    overpass: float
    megapixel: float

    def of(self, overpasses: float, megapixels: float) -> float:
        """Of so many overpasses that have so many megapixels together."""
        return overpasses * self.overpass + megapixels * self.megapixel


STAGE_CPU_S = {
    StageName.TILE: PerOverpass(overpass=0.071, megapixel=0.078),
    StageName.SEGMENT: PerOverpass(overpass=0.047, megapixel=0.78),
}
"""CPU seconds of a worker: four bands and the mask on the grid's own pixels; the network on a CPU;
a bucket."""

RADAR_CPU_S = {
    StageName.TILE: PerOverpass(overpass=0.07, megapixel=0.05),
    StageName.SEGMENT: PerOverpass(overpass=0.049, megapixel=0.49),
}
"""The same of a radar: two bands, and a detector that is no network."""


@dataclass(frozen=True)
class Resampling:
    """CPU seconds of tile, beside those of files on the grid's own pixels."""

    file: float
    """For each file."""
    warped: float
    """For a million of ``Estimate.warped_samples``."""
    turned: float
    """For a million of ``Estimate.turned_samples``."""
    finer: float
    """For a million of ``Estimate.finer_samples``."""
    flags: float
    """For a million of ``Estimate.flag_pixels``."""
    point_file: float
    """For each of ``Estimate.point_files``: its tables."""
    point: float
    """For a million of ``Estimate.point_samples``."""


RESAMPLING_CPU_S = Resampling(
    file=0.003,
    warped=0.004,
    turned=0.022,
    finer=0.0134,
    flags=0.0124,
    point_file=0.017,
    point=0.053,
)
"""By tests/bench/bench_sensor_costs.py, as are those of radar."""

COUNT_CPU_S = PerOverpass(overpass=0.064, megapixel=0.2)
"""CPU seconds of a worker to count visits, before it comes to the berths; the megapixels are those
that are read again to find fixed structure."""

COUNT_PORT_CPU_S = 0.12
"""And for each port."""

BERTH_CPU_S = 0.1
LOOK_CPU_S = 0.0095
"""CPU seconds of a worker for each berth and each look at one: a fifth less for a year of a port
with five, a fifth more for ten years; tests/bench/bench_estimate.py."""

REFIT_SHARE = 0.45
"""Of that, for each berth and look of an estimate without a sensor, which is not made again with
half and double the length of stay: .48 for two sensors, .44 for three."""

WORKER_CPU_S = 5.2
"""CPU seconds to start a worker, with the imports and the network that its first task waits for."""

RUN_CPU_S = 12.3
"""CPU seconds of the process that coordinates and publishes, and of Dask's scheduler in it."""

PORT_CPU_S = 0.33
"""CPU seconds of that process for each port: its archive is created and its results are written."""

COMMIT_CPU_S = 0.05
"""CPU seconds of that process for each commit."""

ARCHIVE_RATIO = 2.3
"""Uncompressed bytes of an archive to its bytes on disk; tests/bench/bench_costs.py."""


def stage_cpu_s(stage: StageName, counted: Estimate) -> float:
    """CPU seconds of a stage for what an estimate counts."""
    optical = counted.units - counted.radar_units, counted.pixels - counted.radar_pixels
    found = STAGE_CPU_S[stage].of(optical[0], optical[1] / 1e6)
    found += RADAR_CPU_S[stage].of(counted.radar_units, counted.radar_pixels / 1e6)
    return found + _resampling_s(counted) if stage is StageName.TILE else found


def _resampling_s(counted: Estimate) -> float:
    each = RESAMPLING_CPU_S
    samples = (
        counted.warped_samples * each.warped
        + counted.turned_samples * each.turned
        + counted.finer_samples * each.finer
        + counted.flag_pixels * each.flags
        + counted.point_samples * each.point
    )
    files = counted.resampled_files * each.file + counted.point_files * each.point_file
    return files + samples / 1e6


@dataclass(frozen=True)
class Requests:
    """Numbers of one kind of request to the archive's bucket."""

    run: float
    """For what is published."""
    part: float
    """For each part of a backfill, or once for a run without parts."""
    port: float
    commit: float
    overpass: float
    chunk: float
    """For each object with pixels that is written."""
    reread: float
    """For each that is read again at the end."""


WRITES = Requests(run=112, part=11, port=23, commit=23.3, overpass=0, chunk=1, reread=0)
"""PUT. A commit writes 18 manifests, a snapshot, a transaction log, a branch, a part of the
journal, and texts that are too long for a manifest; a port's archive is created by 22, and tagged.
"""

BERTHS_WRITES = 62
"""PUT of what is published of berths: each array of the time series is an object."""

VESSELS_OBJECT_MEGAPIXELS = 0.25
"""From this size on, a port is taken to have more than some eight vessels in each overpass: they
then are an object of their own. Smaller ones in proportion."""

READS = Requests(run=7, part=0, port=56, commit=7, overpass=6, chunk=2.5, reread=0.7)
"""GET and HEAD, fitted to six runs. Segment reads two thirds of the objects with pixels, the count
of visits one third twice; the rest are branches, snapshots and manifests."""

LISTS = Requests(run=6, part=5, port=9, commit=0, overpass=0, chunk=0, reread=0)

CUTOUT_READS = 2.2
"""GET for each cut-out of a ship in the report."""
MOST_CUTOUTS = (12, 60)
"""In the report, of a port and of all."""

LEASE_S = 10.0
"""Seconds between two PUTs that hold the archive's lock."""

COMMIT_S = 30.0
"""Seconds between commits, as ``RunOptions.commit_every_s``."""

MOST_IN_BATCH = 16
"""Overpasses in a batch: enough that opening a file is shared, few enough to lose with a worker."""

BATCH_S = 1.0
"""Overpasses are joined up to so many seconds; a run's last batches end that far apart."""
