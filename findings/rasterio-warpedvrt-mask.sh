#!/usr/bin/env bash
# rasterio 1.4.4 (GDAL 3.10.3): a WarpedVRT loses a GeoTIFF's internal mask, even when it warps nothing.
# Seen: a file of 3000s whose internal mask hides 2000 of 10000 pixels. Read directly, masked=True hides these 2000. Read
#   through WarpedVRT(file) in the file's own CRS, none is hidden: they are 0, the VRT's mask flags say "all valid",
#   and the same after a change of CRS. A no-data tag passes through the VRT; the mask does so only with add_alpha=True.
# Expected: masked reads that agree. The VRT must know the mask, for it did not warp the masked pixels, it zeroed them.
# Why it matters: what a producer masked out becomes the darkest water. Code that takes every scene through a WarpedVRT,
#   and was tried on files with a no-data tag only, is right until the first file with a mask.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rasterio==1.4.4 numpy==2.4.6
venv/bin/python - <<'EOF'
import sys

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT

print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
mask = np.full((100, 100), 255, "uint8")
mask[:20] = 0
with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
    with rasterio.open("red.tif", "w", driver="GTiff", width=100, height=100, count=1, dtype="uint16",
                       crs="EPSG:32631", transform=from_origin(600000, 5800000, 10, 10)) as file:
        file.write(np.full((1, 100, 100), 3000, "uint16"))
        file.write_mask(mask)


def look(label, source):
    band = source.read(1, masked=True)
    hidden = np.ma.getmaskarray(band)
    zeros = int((band.data[~hidden] == 0).sum())
    flags = [flag.name for flag in source.mask_flag_enums[0]]
    print(f"{label:34} flags {flags}, hidden {int(hidden.sum())}, zeros that count as valid {zeros}")
    return int(hidden.sum()), zeros


with rasterio.open("red.tif") as file:
    direct = look("file", file)
    with WarpedVRT(file) as vrt:
        plain = look("WarpedVRT, same CRS", vrt)
    with WarpedVRT(file, crs="EPSG:32630") as vrt:
        warped = look("WarpedVRT, next UTM zone", vrt)
    with WarpedVRT(file, add_alpha=True) as vrt:
        alpha = look("WarpedVRT, same CRS, add_alpha=True", vrt)
same = direct == alpha == (2000, 0) and plain == (0, 2000) and warped[0] == 0 and warped[1] > 2000
sys.exit(0 if same else "the behaviour has changed")
EOF
