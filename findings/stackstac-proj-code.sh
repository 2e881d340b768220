#!/usr/bin/env bash
# stackstac 0.5.1 with pystac 1.15.2: the same STAC item gives one grid as a dict and another one as a pystac Item.
# Seen: pystac rewrites `proj:epsg` to `proj:code` when it parses an item (it moves it to STAC 1.1); stackstac knows only
#   `proj:epsg` and asks for `epsg=`. With it, the grid no longer comes from proj:transform and proj:shape but from the
#   bbox in degrees: 101 x 101 pixels of 10.41 m, shifted, instead of the file's 100 x 100 of 10 m, all resampled.
#   `resolution=10` does not help: 106 x 106. There is no warning.
# Expected: the two items say the same, and the item still carries transform and shape: the same grid, or a refusal.
# Why it matters: following the error message's own advice yields interpolated pixels on a made-up grid.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    stackstac==0.5.1 pystac==1.15.2 rasterio==1.4.4 xarray==2026.9.0 dask==2026.8.0 pandas==2.3.3 numpy==2.4.6
venv/bin/python -W ignore - <<'EOF'
import copy
import sys
from pathlib import Path

import numpy as np
import pystac
import rasterio
import stackstac
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

grid = from_origin(600000, 5800000, 10, 10)
pixels = np.arange(1, 10001, dtype="uint16").reshape(100, 100)
with rasterio.open("red.tif", "w", driver="GTiff", width=100, height=100, count=1, dtype="uint16",
                   crs="EPSG:32631", transform=grid, nodata=0) as file:
    file.write(pixels, 1)

w, s, e, n = transform_bounds("EPSG:32631", "EPSG:4326", 600000, 5799000, 601000, 5800000)
item = {
    "type": "Feature", "stac_version": "1.0.0", "id": "scene",
    "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
    "bbox": [w, s, e, n],
    "geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]},
    "properties": {"datetime": "2024-01-01T00:00:00Z", "proj:epsg": 32631, "proj:shape": [100, 100],
                   "proj:transform": [10, 0, 600000, 0, -10, 5800000]},
    "links": [],
    "assets": {"red": {"href": str(Path("red.tif").resolve()), "type": "image/tiff; application=geotiff"}},
}
parsed = pystac.Item.from_dict(copy.deepcopy(item))
print("pystac's item:", {k: v for k, v in parsed.properties.items() if k.startswith("proj:")})


def stack(what, **options):
    array = stackstac.stack([what], **options).squeeze()
    exact = array.shape == pixels.shape and bool((array.values == pixels).all())
    print(f"{type(what).__name__:5}", options, array.shape, f"{float(array.x[1] - array.x[0]):.2f} m",
          "west edge", f"{float(array.x[0]):.1f}", "pixels as in the file:", exact)
    return array.shape, exact


plain = stack(item, epsg=32631)
try:
    stack(parsed)
except ValueError as error:
    print("Item  {}", " ".join(str(error).split()))
guessed = stack(parsed, epsg=32631)
resolved = stack(parsed, epsg=32631, resolution=10)
same = plain == ((100, 100), True) and guessed == ((101, 101), False) and resolved == ((106, 106), False)
sys.exit(0 if same else "the behaviour has changed")
EOF
