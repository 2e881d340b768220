#!/usr/bin/env bash
# movingpandas 0.23.0: between two positions on either side of 180 degrees a ship is interpolated around the whole
#   Earth.
# Seen: halfway between 179.99 E and 179.92 W get_position_at puts a ship on the Greenwich meridian, and clip finds it
#   in the Gulf of Guinea. get_length and the speeds of the same trajectory are geodesic and right.
# Expected: positions that agree with the length: in a geographic CRS the shorter way round.
# Why it matters: right length and speed hide a place that is wrong by half of the Earth; the ship is counted in ports
#   that it never saw. Split tracks at 180 degrees before they go in.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check movingpandas==0.23.0 geopandas==1.2.0 \
    pandas==2.3.3 shapely==2.2.0 numpy==2.4.6
venv/bin/python -W ignore - <<'EOF'
import sys

import movingpandas
import pandas as pd
from shapely.geometry import box

ship = pd.DataFrame({
    "time": pd.to_datetime(["2024-01-01 00:00", "2024-01-01 00:10", "2024-01-01 00:20", "2024-01-01 00:30"]),
    "lon": [179.90, 179.99, -179.92, -179.83],
    "lat": [0.5, 0.5, 0.5, 0.5],
    "mmsi": 1,
})
track = movingpandas.Trajectory(ship, 1, t="time", x="lon", y="lat", crs=4326)
place = track.get_position_at(pd.Timestamp("2024-01-01 00:15"), method="interpolated")
guinea = track.clip(box(-10, 0, 10, 1))
track.add_speed(overwrite=True)
print(f"length {track.get_length() / 1000:.1f} km, fastest {track.df['speed'].max():.1f} m/s")
print("position at 00:15:", place)
print("parts of the track between 10 W and 10 E:", len(guinea))
same = 25 < track.get_length() / 1000 < 35 and track.df["speed"].max() < 20 and abs(place.x) < 1 and len(guinea) == 1
sys.exit(0 if same else "the behaviour has changed")
EOF
