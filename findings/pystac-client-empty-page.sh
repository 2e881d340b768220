#!/usr/bin/env bash
# pystac-client 0.9.1: a search ends at the first page without items, even if that page has a `next` link.
# Seen: the server below has three pages (2 items, none, 1 item), each but the last with a `next` link;
#   the third page is never asked for, its item is missing, and there is neither a warning nor an error.
# Expected: paging ends where there is no `next` link, as STAC API and OGC API Features define it. A server
#   that filters after it has fetched a page (by cloud cover, by access rights) sends such pages.
# Why it matters: scenes vanish from a search that looks complete. Whoever counts must walk the pages himself.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pystac-client==0.9.1 pystac==1.15.2
venv/bin/python - <<'EOF'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

from pystac_client import Client

PAGES = {1: ["a", "b"], 2: [], 3: ["c"]}
asked = []


def item(name):
    ring = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "scenes",
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [0, 0, 1, 1],
        "properties": {"datetime": "2024-01-01T00:00:00Z"}, "links": [], "assets": {},
    }


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlparse(self.path)
        root = f"http://127.0.0.1:{self.server.server_port}"
        if url.path == "/search":
            page = int(parse_qs(url.query).get("page", ["1"])[0])
            asked.append(page)
            body = {"type": "FeatureCollection", "features": [item(n) for n in PAGES[page]], "links": []}
            if page + 1 in PAGES:
                body["links"].append({"rel": "next", "method": "GET", "type": "application/geo+json",
                                      "href": f"{root}/search?page={page + 1}"})
        else:
            body = {
                "type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "three pages",
                "conformsTo": ["https://api.stacspec.org/v1.0.0/core",
                               "https://api.stacspec.org/v1.0.0/item-search"],
                "links": [{"rel": "self", "href": root}, {"rel": "root", "href": root},
                          {"rel": "search", "href": f"{root}/search", "method": "GET",
                           "type": "application/geo+json"}],
            }
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/geo+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Client.open(f"http://127.0.0.1:{server.server_port}")
found = [i.id for i in client.search(collections=["scenes"], method="GET").items()]
print("items on the server:", [n for names in PAGES.values() for n in names])
print("items found:        ", found)
print("pages asked for:    ", asked)
sys.exit(0 if found == ["a", "b"] and asked == [1, 2] else "the behaviour has changed")
EOF
