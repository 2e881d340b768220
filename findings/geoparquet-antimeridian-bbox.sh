#!/usr/bin/env bash
# stac-geoparquet 0.8.3 with geopandas 1.2.0: read_parquet(bbox=...) loses items that lie across 180 degrees.
# Seen: for an item split at 180 degrees with bbox [179, -17, -179, -16], as GeoJSON and STAC have it, the `bbox`
#   column gets xmin 179, xmax -179 and is declared as the geometry's "covering"; no window inside of the item's own
#   geometry finds it.
# Expected: a covering that covers (-180 to 180), none for such items, or a reader that understands xmin > xmax.
# Why it matters: a port in Fiji or on Chukotka gets no scenes, and nothing says so.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check stac-geoparquet==0.8.3 geopandas==1.2.0 \
    pyarrow==26.0.1 pandas==2.3.3 shapely==2.2.0 numpy==2.4.6
venv/bin/python - <<'EOF'
import json
import sys

import geopandas
import pyarrow.parquet as pq
import stac_geoparquet.arrow as stac_arrow
from shapely.geometry import box, mapping
from shapely.ops import unary_union


def item(name, bbox, geometry):
    return {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": name, "collection": "scenes",
        "bbox": bbox, "geometry": json.loads(json.dumps(mapping(geometry))),
        "properties": {"datetime": "2024-01-01T22:30:00Z"}, "links": [], "assets": {"red": {"href": "red.tif"}},
    }


across = item("across", [179, -17, -179, -16], unary_union([box(179, -17, 180, -16), box(-180, -17, -179, -16)]))
west = item("west", [-179.9, -17, -179.2, -16], box(-179.9, -17, -179.2, -16))
stac_arrow.to_parquet(stac_arrow.parse_stac_items_to_arrow([across, west]), "items.parquet")

geo = json.loads(pq.read_metadata("items.parquet").metadata[b"geo"])
print("covering declared:", "covering" in geo["columns"]["geometry"])
print("bbox column:", pq.read_table("items.parquet", columns=["bbox"]).to_pydict()["bbox"])
everything = geopandas.read_parquet("items.parquet")
same = True
for window in [(179.4, -16.6, 179.6, -16.4), (-179.6, -16.6, -179.4, -16.4)]:
    by_bbox = geopandas.read_parquet("items.parquet", bbox=window).id.tolist()
    by_geometry = everything[everything.intersects(box(*window))].id.tolist()
    print("window", window, "by bbox:", by_bbox, "by geometry:", by_geometry)
    same &= "across" in by_geometry and "across" not in by_bbox
sys.exit(0 if same else "the behaviour has changed")
EOF
