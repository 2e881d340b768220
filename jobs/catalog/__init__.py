"""Search: what STAC catalogs hold of a port, read item by item into scenes."""
