"""Which detector finds the ships of a sensor: one for each kind of values that archives hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jobs.domain import BACKSCATTER, Sensor, Settings
from jobs.segment import network
from jobs.segment.fixed_structure import structure_of
from jobs.segment.protocol import FixedThings, Found, Looks, ShipDetector, View
from jobs.segment.radar.archive_looks import RadarDetector


@dataclass(frozen=True)
class NetworkDetector:
    """The network, on reflectance and true colour."""

    settings: Settings
    prefer_gpu: bool

    def find(self, view: View) -> Found:
        """As the protocol says; InputError where the model here is not the run's."""
        return network.find(view, self.settings, self.prefer_gpu)

    def fixed_things(self, looks: Looks) -> FixedThings:
        """As the protocol says. Memory: at most 120 bytes per pixel of the grid, besides the
        network and the vessels.
        """
        return structure_of(looks, self.settings, self.prefer_gpu)


def _radar(settings: Settings, prefer_gpu: bool) -> ShipDetector:
    """It has neither weights nor use for a GPU."""
    return RadarDetector()


DETECTORS: Mapping[str, Callable[[Settings, bool], ShipDetector]] = {
    "reflectance": NetworkDetector,
    "true_colour": NetworkDetector,
    BACKSCATTER: _radar,
}
"""By variable of the sensor's encoding."""


def detector_for(sensor: Sensor, settings: Settings, prefer_gpu: bool = False) -> ShipDetector:
    """The detector for a sensor's images."""
    return DETECTORS[sensor.encoding.variable](settings, prefer_gpu)
