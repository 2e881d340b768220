#!/usr/bin/env bash
# rasterio 1.5.2 (GDAL 3.12.2) and 1.4.4 (3.10.3): a JPEG 2000 file read through `opener=` with GDAL_NUM_THREADS=2 has wrong pixels.
# Seen: the same lossless file, opened by its path, is read exactly with one thread and with two; through an opener that
#   returns plain Python files it is read exactly with one thread, and with two most reads have wrong pixels
#   (20 of 20 here). Nothing is raised or logged.
# Expected: the same pixels, or an error. GDAL's own virtual file systems may be read by several threads.
# Why it matters: an opener is how files behind a login or in a store that GDAL does not know are read, and Sentinel-2's
#   own products are JPEG 2000. GDAL_NUM_THREADS=1 around the reads is exact.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    "rasterio==1.5.2; python_version >= '3.12'" "rasterio==1.4.4; python_version < '3.12'" numpy

cat >show.py <<'EOF'
import sys
import warnings

import numpy as np
import rasterio

warnings.simplefilter("ignore")  # of files without a place on earth
SIDE, TRIES = 1024, 20
numbers = np.random.default_rng(0).integers(0, 60_000, (SIDE, SIDE)).astype("uint16")
layout = {"QUALITY": "100", "REVERSIBLE": "YES", "BLOCKXSIZE": 256, "BLOCKYSIZE": 256}
with rasterio.open(
    "a.jp2", "w", driver="JP2OpenJPEG", count=1, height=SIDE, width=SIDE, dtype="uint16", **layout
) as file:
    file.write(numbers, 1)


def wrong_reads(threads, **how):
    """Of TRIES reads of the whole file, those with a wrong pixel."""
    found = 0
    with rasterio.Env(GDAL_NUM_THREADS=str(threads)):
        for _ in range(TRIES):
            with rasterio.open("a.jp2", **how) as file:
                found += bool((file.read(1) != numbers).any())
    return found


by_python = {"opener": lambda path, mode="rb": open(path, mode)}
seen = {
    "by its path, one thread": wrong_reads(1),
    "by its path, two threads": wrong_reads(2),
    "opener, one thread": wrong_reads(1, **by_python),
    "opener, two threads": wrong_reads(2, **by_python),
}
print(f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}: wrong reads of {TRIES}")
for name, count in seen.items():
    print(f"  {name:26}{count}")
*right, raced = seen.values()
if any(right) or not raced:
    sys.exit("changed: wrong reads were expected through the opener with two threads, and there alone")
EOF
venv/bin/python show.py
