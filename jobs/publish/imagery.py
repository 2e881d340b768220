"""Pictures of overpasses from the port archives, all of a port in its one rendering."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from jobs.archive import PortArchive, Step
from jobs.domain import OPAQUE, SENSORS, Grid, Quality, StageName, UnitState
from jobs.publish.rendering import Levels, Rendering, fix_rendering, levels_of, visible_of

HAZY = OPAQUE | Quality.THIN_CLOUD | Quality.SNOW_ICE
"""Pixels with any of these bits say nothing about how bright a port is."""
CANDIDATES = 48
"""Looks whose cloud is counted, spread evenly over time."""
CHOSEN = 12
"""The clearest of them, which fix the rendering."""


class ArchiveImagery:
    """Pictures of overpasses for people, from the port archives.

    A port's rendering is the one given for it and the sensor, such as that of published results;
    else it is fixed by what its archive holds when it is first asked for.
    """

    def __init__(
        self,
        archives: Mapping[str, PortArchive],
        renderings: Mapping[tuple[str, str], Rendering] | None = None,
    ) -> None:
        self.archives = archives
        self._steps: dict[str, Mapping[str, Step]] = {}
        self._renderings = dict(renderings or {})

    def rgb(self, port_id: str, overpass_id: str) -> NDArray[np.uint8] | None:
        """(y, x, 3) on the port's grid as the port's rendering shows it, 0 where there is no data;
        None where it was never tiled.
        """
        if overpass_id not in self._tiled(port_id):
            return None
        return self.window(port_id, overpass_id, self.archives[port_id].port.grid)

    def window(self, port_id: str, overpass_id: str, part: Grid) -> NDArray[np.uint8] | None:
        """The same pixels of a part only, a grid aligned with the port's; 0 beyond its edge.

        Reads only the archive's chunks that the part touches.
        """
        step = self._tiled(port_id).get(overpass_id)
        if step is None:
            return None
        rows, columns, inside = _overlap(self.archives[port_id].port.grid, part)
        shown = np.zeros((*part.shape, 3), np.uint8)
        if rows.start < rows.stop and columns.start < columns.stop:
            visible = self._visible(port_id, step, rows, columns)
            shown[inside] = self.rendering(port_id, step.sensor).show(visible)
        return shown

    def rendering(self, port_id: str, sensor: str) -> Rendering:
        """The rendering of all the port's pictures of a sensor."""
        key = (port_id, sensor)
        if key not in self._renderings:
            steps = [step for step in self._tiled(port_id).values() if step.sensor == sensor]
            looks = {
                step.overpass_id: self._levels(port_id, step)
                for step in self._clear(steps, port_id)
            }
            self._renderings[key] = fix_rendering(sensor, SENSORS[sensor].encoding.variable, looks)
        return self._renderings[key]

    def renderings(self, port_id: str) -> dict[str, Rendering]:
        """The renderings of a port by sensor, of every sensor that has a picture."""
        sensors = {step.sensor for step in self._tiled(port_id).values()}
        return {sensor: self.rendering(port_id, sensor) for sensor in sorted(sensors)}

    def _tiled(self, port_id: str) -> Mapping[str, Step]:
        """Steps that have pixels, by overpass id; none of a port that no run has begun."""
        if port_id not in self.archives:
            return {}
        if port_id not in self._steps:
            self._steps[port_id] = {
                name: step
                for name, step in self.archives[port_id].steps().items()
                if step.state[StageName.TILE] is UnitState.DONE
            }
        return self._steps[port_id]

    def _clear(self, steps: list[Step], port_id: str) -> list[Step]:
        """The clearest of some looks spread over time; ids sort by time within a sensor."""
        steps = sorted(steps, key=lambda step: step.overpass_id)
        spread = np.unique(np.linspace(0, len(steps) - 1, CANDIDATES).round().astype(int))
        candidates = [steps[n] for n in spread if steps]
        shares = {
            step.overpass_id: float((self.archives[port_id].quality(step) & HAZY == 0).mean())
            for step in candidates
        }
        candidates.sort(key=lambda step: (-shares[step.overpass_id], step.overpass_id))
        return candidates[:CHOSEN]

    def _levels(self, port_id: str, step: Step) -> Levels | None:
        everything = slice(None)
        visible = self._visible(port_id, step, everything, everything)
        return levels_of(visible, self.archives[port_id].quality(step) & HAZY == 0)

    def _visible(
        self, port_id: str, step: Step, rows: slice, columns: slice
    ) -> NDArray[np.float32]:
        sensor = SENSORS[step.sensor]
        pixels = self.archives[port_id].image(step, rows, columns).image
        return visible_of(sensor.encoding.decode(pixels), sensor.bands)


def _overlap(grid: Grid, part: Grid) -> tuple[slice, slice, tuple[slice, slice]]:
    """Rows and columns of the grid that lie in the part, and where in the part they lie."""
    top = round((grid.top - part.top) / grid.resolution_m)
    left = round((part.left - grid.left) / grid.resolution_m)
    rows = slice(*np.clip((top, top + part.height), 0, grid.height).tolist())
    columns = slice(*np.clip((left, left + part.width), 0, grid.width).tolist())
    inside = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    return rows, columns, inside
