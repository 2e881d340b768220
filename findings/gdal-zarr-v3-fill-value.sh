#!/usr/bin/env bash
# rasterio 1.5.2 (GDAL 3.12.2) with xarray 2026.9.0 and zarr 3.4.2: zeros of a Zarr v3 array are no data in GDAL only.
# Seen: a uint8 mask with one 1 among fifteen 0s, written by xarray. As Zarr v2 both tools read mean 0.0625. As Zarr
#   v3, where an array must have a fill_value and xarray writes 0, GDAL reports nodata=0: masked reads hide all zeros,
#   mean 1.0. xarray takes the v3 fill_value for what the specification says, the value of chunks never written, and
#   hides nothing.
# Expected: one answer for one file, above all with no `_FillValue` or other word on missing data in the array.
# Why it matters: "no ship", "sea" and class 0 turn into "not seen"; every share and mean is wrong, and only in one
#   tool.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
# GDAL reads final Zarr v3 from 3.12 on; the wheel that brings it needs Python 3.12 or later.
for python in python3 python3.14 python3.13 python3.12 "$(pyenv root 2>/dev/null || true)"/versions/3.1[2-9]*/bin/python3; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        "$python" -m venv venv
        break
    fi
done
if [ ! -d venv ]; then
    echo "not tried: no Python 3.12 or later found"
    exit 0
fi
venv/bin/pip install -q --disable-pip-version-check rasterio==1.5.2 xarray==2026.9.0 zarr==3.4.2 numpy==2.5.5 pandas==2.3.3
venv/bin/python -W ignore - <<'EOF'
import sys

import numpy as np
import rasterio
import xarray as xr

print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
ships = np.zeros((4, 4), "uint8")
ships[1, 1] = 1
seen = {}
for version in (2, 3):
    path = f"v{version}.zarr"
    xr.Dataset({"ship": (("y", "x"), ships)}).to_zarr(path, zarr_format=version)
    by_xarray = xr.open_zarr(path).ship
    with rasterio.open(f'ZARR:"{path}":/ship') as file:
        by_gdal = file.read(1, masked=True)
        seen[version] = file.nodata, int(np.ma.getmaskarray(by_gdal).sum()), float(by_gdal.mean())
    print(f"Zarr v{version}: xarray {by_xarray.dtype} {by_xarray.attrs}, mean {float(by_xarray.mean())};",
          "GDAL nodata {}, {} of 16 pixels hidden, mean {}".format(*seen[version]))
sys.exit(0 if seen == {2: (None, 0, 0.0625), 3: (0.0, 15, 1.0)} else "the behaviour has changed")
EOF
