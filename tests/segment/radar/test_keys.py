"""What makes a radar look stale: its own detector, never other weights."""

from __future__ import annotations

from dataclasses import replace

from jobs import segment
from jobs.domain import Settings, Unit
from jobs.segment import digest
from tests.support.scenes import noise, overpass, scene, small_port, write_band

NOW = Settings("code", None, "a" * 64)
OTHER = replace(NOW, model_digest="b" * 64)


def unit(tmp_path, sensor: str) -> Unit:
    source = write_band(tmp_path / "vv.tif", noise())
    return Unit(small_port(), replace(overpass(scene({"vv": source})), sensor=sensor), 0)


def test_other_weights_change_no_radar_s_key_and_every_other_one(tmp_path):
    radar, optical = (unit(tmp_path, name) for name in ("sentinel-1-rtc", "sentinel-2-l2a"))
    assert segment.key(radar, NOW) == segment.key(radar, OTHER)
    assert segment.key(optical, NOW) != segment.key(optical, OTHER)


def test_another_version_of_the_detector_is_said(tmp_path, monkeypatch):
    radar = unit(tmp_path, "sentinel-1-rtc")
    stored = segment.key(radar, NOW)
    monkeypatch.setattr(digest, "RADAR_VERSION", digest.RADAR_VERSION + 1)
    assert segment.key(radar, NOW) != stored
    then = digest.RADAR_VERSION - 1
    said = segment.changed(radar, NOW, stored, [])
    assert said == f"the radar detector is version {then + 1}, was {then}"
    assert "the berths were others" in segment.changed(radar, NOW, "0" * 16, [])
