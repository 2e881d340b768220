#!/usr/bin/env bash
# rasterio 1.5.2 (GDAL 3.12.2) and 1.4.4 (3.10.3): a chunk of a Zarr array that the server refuses to give is read as zeros.
# Seen: an array of ones on a web server in 2 x 2 chunks, one of which is answered with 403, 500 or 503: GDAL's driver
#   gives 0, the fill value, for its quarter, and raises nothing. The same bytes as a GeoTIFF on the same server raise.
#   zarr 3.1.6 with fsspec 2026.9.0 raises for each of the three.
# Expected: an error. A chunk that is not there (404) stands for the fill value, one that was not given does not.
# Why it matters: a store that is busy, throttles or forbids leaves holes in the middle of a scene that look like "no
#   data", and every count over them is wrong. GDAL_HTTP_MAX_RETRY makes it rarer, not visible.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    "rasterio==1.5.2; python_version >= '3.12'" "rasterio==1.4.4; python_version < '3.12'" \
    zarr==3.1.6 fsspec==2026.9.0 aiohttp==3.13.2 numpy

cat >server.py <<'EOF'
"""Serves the folder under /STATUS/, where one chunk and the GeoTIFF are answered with that status."""

import http.server


class Handler(http.server.SimpleHTTPRequestHandler):
    def send_head(self):
        status, _, rest = self.path.lstrip("/").partition("/")
        self.path = "/" + rest
        if status != "0" and rest.endswith(("/1.1", "a.tif")):
            self.send_error(int(status))
            return None
        return super().send_head()

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
EOF
cat >show.py <<'EOF'
import logging
import subprocess
import sys
import warnings

import numpy as np
import rasterio
import zarr

logging.disable()
warnings.simplefilter("ignore")
ones = np.ones((64, 64), "uint16")
zarr.create_array("a.zarr", data=ones, chunks=(32, 32), zarr_format=2, compressors=None, fill_value=0)
with rasterio.open(
    "a.tif", "w", driver="GTiff", count=1, height=64, width=64, dtype="uint16", tiled=True, blockxsize=32, blockysize=32
) as file:
    file.write(ones, 1)


def by_gdal(name):
    with rasterio.Env(GDAL_HTTP_MAX_RETRY=0, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(name) as file:
        return file.read(1)


def by_zarr(address):
    return zarr.open_array(address, mode="r", zarr_format=2)[:]


def result(read, *arguments):
    try:
        return f"{int((read(*arguments) == 0).sum())} zeros"
    except Exception:
        return "raises"


server = subprocess.Popen([sys.executable, "server.py"], stdout=subprocess.PIPE, text=True)
found = {}
try:
    port = server.stdout.readline().strip()
    for status in (0, 404, 403, 500, 503):
        web = f"http://127.0.0.1:{port}/{status}"
        found[status] = [
            result(by_gdal, f'ZARR:"/vsicurl/{web}/a.zarr"'),
            result(by_gdal, f"/vsicurl/{web}/a.tif"),
            result(by_zarr, f"{web}/a.zarr"),
        ]
        gdal, tiff, by_itself = found[status]
        print(f"{status or 'all there'}: Zarr by GDAL {gdal}, GeoTIFF by GDAL {tiff}, Zarr by zarr {by_itself}")
finally:
    server.kill()
print(f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}")
hole = "1024 zeros"
expected = {0: ["0 zeros"] * 3, 404: [hole, "raises", hole]}
expected |= dict.fromkeys((403, 500, 503), [hole, "raises", "raises"])
sys.exit(found != expected)
EOF
venv/bin/python show.py
