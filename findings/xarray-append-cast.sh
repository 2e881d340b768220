#!/usr/bin/env bash
# xarray 2026.9.0 with zarr 3.1.6: to_zarr(append_dim=...) and to_zarr(region=...) wrap integers that do not fit.
# Seen: 300 appended to a store of uint8 counts reads back as 44, -1 in uint16 as 65535, 2 in a boolean as True,
#   without error or warning, although the same call refuses longer strings with "Mismatched dtypes".
# Expected: the same refusal for numbers, or at least a look whether the values fit.
# Why it matters: an archive grows over years and many runs. A first run whose counts all fit in uint8 settles the
#   type, and a busy day's 300 ships become 44. Whoever appends must compare the data types himself.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6 pandas==2.3.3
venv/bin/python - <<'EOF'
import sys
import warnings

import numpy as np
import xarray as xr

warnings.filterwarnings("error")
warnings.filterwarnings("ignore", message="Consolidated metadata")  # neither of these is about values
warnings.filterwarnings("ignore", message="The data type")
number = 0


def grow(first, second, **where):
    global number
    number += 1
    path = f"{number}.zarr"
    xr.Dataset({"v": ("look", first)}).to_zarr(path)
    try:
        xr.Dataset({"v": ("look", second)}).to_zarr(path, **where)
        read = xr.open_zarr(path).v.values.tolist()
    except ValueError as error:
        read = str(error).split(" for variable")[0]
    print(f"{first.dtype.str} {first.tolist()} then {second.dtype.str} {second.tolist()} {where}: {read}")
    return read


append = {"append_dim": "look"}
region = {"region": {"look": slice(0, 1)}}
counts = np.array([3, 7], "uint8")
results = [
    grow(counts, np.array([300]), **append),
    grow(counts, np.array([300]), **region),
    grow(np.array([3, 7], "uint16"), np.array([-1], "int16"), **append),
    grow(np.array([True, False]), np.array([2]), **append),
    grow(np.array(["ab", "cd"]), np.array(["efg"]), **append),
]
expected = [[3, 7, 44], [44, 7], [3, 7, 65535], [True, False, True], "Mismatched dtypes"]
sys.exit(0 if results == expected else "the behaviour has changed")
EOF
