#!/usr/bin/env bash
# xarray 2026.9.0 with zarr 3.1.6: to_zarr(append_dim="time") writes finer times in a unit that the store does not
#   have.
# Seen: to a store of whole seconds a step of January 2024 with milliseconds is appended: it reads back as July 2029.
#   The one UserWarning says that the unit is milliseconds "instead"; the store still says seconds. In a store of
#   days, a time of day is written in seconds and read as days: the store no longer opens (without cftime). Both
#   appends succeed.
# Expected: an error, as for strings that are too long, or one unit for old steps and new.
# Why it matters: satellite and AIS times have fractions now and then. Fix units and dtype of `time` at the first
#   write.
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
import zarr


def steps(*times):
    return xr.Dataset({"v": ("time", np.arange(len(times)))}, coords={"time": np.array(times, "M8[ns]")})


def append(path, first, second):
    steps(*first).to_zarr(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        steps(second).to_zarr(path, append_dim="time")
    said = {" ".join(str(w.message).split()) for w in caught if "faithfully" in str(w.message)}
    stored = zarr.open_group(path, mode="r")["time"]
    print("appended:", second)
    print("  warning:", *(text.split(". ")[1] for text in said))
    print("  stored: ", stored[:].tolist(), stored.attrs["units"])
    try:
        read = str(xr.open_zarr(path).time.values[-1])
    except ValueError as error:
        read = str(error).split(" with ")[0]
    print("  read:   ", read)
    return read


warnings.filterwarnings("ignore", message="Consolidated metadata")
seconds = append("seconds.zarr", ["2024-01-01T10:00:01", "2024-01-02T10:00:31"], "2024-01-03T10:30:15.024")
days = append("days.zarr", ["2024-01-01", "2024-01-02"], "2024-01-03T10:30:15")
same = seconds.startswith("2029-07") and days.startswith("unable to decode time units 'days since")
sys.exit(0 if same else "the behaviour has changed")
EOF
