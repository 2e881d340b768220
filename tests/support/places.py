"""Where things lie: the repository, the data of the tests, the recorded data beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
STAC_ITEMS = DATA / "stac-items"
"""Items as catalogs really answered them."""
PLANET_DATA = DATA / "planet"
"""Planet's example of an item, and manifest and metadata of an order."""

SHARED = ROOT.parent / "shared" / "data"
"""Recorded imagery, labels and AIS; absent where the repository stands alone."""
REAL_IMAGERY = SHARED / "real-imagery"
