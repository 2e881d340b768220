#!/usr/bin/env bash
# roaring-landmask 0.11.0: at a longitude of exactly 180 or -180 degrees every point is sea, from either provider.
# Seen: Chukotka at 67.5 N and Wrangel Island at 71.1 N lie across 180 degrees. A ten-thousandth of a degree (some 4 m)
#   east or west of it they are land, on it they are sea; 540 degrees is wrapped correctly to 180, and is sea as well.
# Expected: land. The likely cause is that shorelines are cut into polygons at 180 degrees and a point on the cut lies
#   inside of none of them: a strait without width, where the mask should know that the cut is no shore.
# Why it matters: grids in degrees often start at exactly -180 (a global grid's first column is then all sea), and
#   a pixel or a ship on that line passes a land filter.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check roaring-landmask==0.11.0 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import numpy as np
from roaring_landmask import LandmaskProvider, RoaringLandmask

lons = np.array([179.9999, 180.0, 540.0, -180.0, -179.9999])
same = True
for provider in (LandmaskProvider.Gshhg, LandmaskProvider.Osm):
    mask = RoaringLandmask.new_with_provider(provider)
    for place, lat in (("Chukotka", 67.5), ("Wrangel Island", 71.1)):
        land = mask.contains_many(lons, np.full(lons.size, lat)).tolist()
        print(f"{provider} {place}, latitude {lat}:", dict(zip(lons.tolist(), land)))
        same &= land == [True, False, False, False, True]
        same &= not mask.contains(180.0, lat) and mask.contains(179.9999, lat)
sys.exit(0 if same else "the behaviour has changed")
EOF
