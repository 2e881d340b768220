#!/usr/bin/env bash
# rioxarray 0.19.0 (xarray 2026.9.0, rasterio 1.4.4): masked pixels of a file with an internal mask are written as
#   valid 0.
# Seen: open_rasterio(..., masked=True) reads the 2000 masked pixels of a uint16 file as NaN. to_raster on that array,
#   with no option, writes uint16 (kept in its encoding) without mask or no-data tag, and the NaNs as 0. Two warnings
#   about a cast are all; with a no-data tag instead of a mask the same two lines are lossless.
# Expected: float32 as the array is, a mask or a tag in the new file, or an error that asks for `nodata`.
# Why it matters: after one read and write the hidden pixels are measurements: darkest water in each later step.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rioxarray==0.19.0 rasterio==1.4.4 xarray==2026.9.0 \
    numpy==2.4.6 pandas==2.3.3
venv/bin/python - <<'EOF'
import sys
import warnings

import numpy as np
import rasterio
import rioxarray
from rasterio.transform import from_origin


def copy(name, hide):
    pixels = np.full((1, 100, 100), 3000, "uint16")
    mask = np.full((100, 100), 255, "uint8")
    if hide == "mask":
        mask[:20] = 0
    else:
        pixels[:, :20] = 65535
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(name, "w", driver="GTiff", width=100, height=100, count=1, dtype="uint16",
                           nodata=None if hide == "mask" else 65535,
                           crs="EPSG:32631", transform=from_origin(600000, 5800000, 10, 10)) as file:
            file.write(pixels)
            if hide == "mask":
                file.write_mask(mask)
    array = rioxarray.open_rasterio(name, masked=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array.rio.to_raster("copy.tif")
    with rasterio.open("copy.tif") as file:
        band = file.read(1, masked=True)
        zeros = int((band.compressed() == 0).sum())
        hidden = int(np.ma.getmaskarray(band).sum())
        print(f"{hide}: read as {array.dtype}, NaN {int(array.isnull().sum())}; written as {file.dtypes[0]},",
              f"nodata {file.nodata}, hidden {hidden}, valid zeros {zeros}")
    for text in sorted({str(w.message) for w in caught if "cast" in str(w.message) or "NaN" in str(w.message)}):
        print("   warning:", text)
    return int(array.isnull().sum()), hidden, zeros


tag = copy("tag.tif", "tag")
mask = copy("mask.tif", "mask")
sys.exit(0 if tag == (2000, 2000, 0) and mask == (2000, 0, 2000) else "the behaviour has changed")
EOF
