#!/usr/bin/env bash
# odc-stac 0.5.3 (odc-loader 0.6.5): a GeoTIFF's own no-data tag is believed only if the STAC item states no data type.
# Seen: two files, both tagged nodata=65535, share a tile: one filled in its west half, the other in its east. Merged by
#   groupby="solar_day", items without raster:bands give a full mosaic. With raster:bands that say data_type uint16 and,
#   as many catalogs, no nodata, half of the mosaic is 65535: the first file's fill covers the other file's pixels,
#   and the array carries no nodata attribute that would tell.
# Expected: the file's tag wherever the item gives no value: to state a data type says nothing about no data.
# Why it matters: more metadata makes the result worse, and 65535 stands there like the brightest of pixels.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check odc-stac==0.5.3 odc-loader==0.6.5 odc-geo==0.5.3 \
    pystac==1.15.2 rasterio==1.4.4 xarray==2026.9.0 dask==2026.8.0 pandas==2.3.3 numpy==2.4.6
venv/bin/python -W ignore - <<'EOF'
import sys
from pathlib import Path

import numpy as np
import odc.stac
import pystac
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

w, s, e, n = transform_bounds("EPSG:32631", "EPSG:4326", 600000, 5799000, 601000, 5800000)


def write(name, value, columns):
    pixels = np.full((100, 100), 65535, "uint16")
    pixels[:, columns] = value
    with rasterio.open(name, "w", driver="GTiff", width=100, height=100, count=1, dtype="uint16", nodata=65535,
                       crs="EPSG:32631", transform=from_origin(600000, 5800000, 10, 10)) as file:
        file.write(pixels, 1)


def item(name, second, bands):
    return pystac.Item.from_dict({
        "type": "Feature", "stac_version": "1.0.0", "id": name,
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json",
                            "https://stac-extensions.github.io/raster/v1.1.0/schema.json"],
        "bbox": [w, s, e, n],
        "geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]},
        "properties": {"datetime": f"2024-01-01T10:00:0{second}Z", "proj:epsg": 32631, "proj:shape": [100, 100],
                       "proj:transform": [10, 0, 600000, 0, -10, 5800000]},
        "links": [],
        "assets": {"red": {"href": str(Path(name).resolve()), "type": "image/tiff; application=geotiff",
                           "roles": ["data"], **bands}},
    })


write("east.tif", 3000, slice(50, 100))
write("west.tif", 4000, slice(0, 50))
seen = {}
for label, bands in {
    "item says nothing": {},
    "item says uint16": {"raster:bands": [{"data_type": "uint16"}]},
    "item says uint16 and 65535": {"raster:bands": [{"data_type": "uint16", "nodata": 65535}]},
}.items():
    red = odc.stac.load([item("east.tif", 0, bands), item("west.tif", 1, bands)], groupby="solar_day").red
    values, counts = np.unique(red.values, return_counts=True)
    seen[label] = dict(zip(values.tolist(), counts.tolist()))
    print(f"{label:27}", red.dtype, "attributes:", red.attrs, "pixels by value:", seen[label])
full = {3000: 5000, 4000: 5000}
same = list(seen.values()) == [full, {3000: 5000, 65535: 5000}, full]
sys.exit(0 if same else "the behaviour has changed")
EOF
