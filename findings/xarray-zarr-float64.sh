#!/usr/bin/env bash
# xarray 2026.9.0 with zarr 3.1.6 and netCDF4 1.7.4: packed numbers that NetCDF gives as float32 come from Zarr as float64.
# Seen: reflectance in uint16 and a mask in uint8, both with scale_factor=np.float32(...), written by one xarray call
#   each to NetCDF and to Zarr v3. Opened again: float32 from NetCDF, float64 from Zarr, whatever type the scale had:
#   attributes of Zarr are JSON, where a number has no type, and xarray takes each for a float64.
# Expected: the type of the scale, or float32 for integers of 8 and 16 bits, as CF decoding gives from NetCDF.
# Why it matters: an archive moved from NetCDF to Zarr takes twice the memory in every reader, and eight times that of
#   the 8 bits which are stored; results differ in their last digits. `mask_and_scale=False`, or astype, is needed.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 netCDF4==1.7.4 numpy==2.4.6 pandas==2.3.3
venv/bin/python -W ignore - <<'EOF'
import sys

import numpy as np
import xarray as xr

packed = {
    "reflectance": {"dtype": "uint16", "scale_factor": np.float32(1e-4)},
    "probability": {"dtype": "uint8", "scale_factor": np.float32(1 / 255)},
}
values = xr.Dataset({name: ("x", np.array([0.2, 0.4, 1.0], "float32")) for name in packed})
values.to_netcdf("packed.nc", encoding=packed, engine="netcdf4")
values.to_zarr("packed.zarr", encoding=packed, zarr_format=3, consolidated=False)
opened = {
    "NetCDF": xr.open_dataset("packed.nc", engine="netcdf4"),
    "Zarr": xr.open_zarr("packed.zarr", consolidated=False),
}
seen = {form: {name: str(opened[form][name].dtype) for name in packed} for form in opened}
for form, types in seen.items():
    print(form, types)
expected = {
    "NetCDF": dict.fromkeys(packed, "float32"),
    "Zarr": dict.fromkeys(packed, "float64"),
}
sys.exit(0 if seen == expected else "the behaviour has changed")
EOF
