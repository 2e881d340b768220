"""Voyages: visits at two ports that may be one ship's, flows between ports, size of a fleet."""
