"""Points of the water's edge at which pasted ships can lie alongside."""

import numpy as np
import pytest

from models.dataset.mooring import draw_edges


def test_an_edge_has_the_direction_of_the_quay() -> None:
    free = np.ones((80, 80), dtype=bool)
    free[:30] = False  # a quay along the upper side, the first water is row 30
    edges = list(draw_edges(free, np.random.default_rng(0)))
    assert edges
    for edge in edges:
        assert edge.outward == pytest.approx([1, 0])
        assert edge.heading_deg == pytest.approx(90)
        assert edge.distance_px == edge.point[0] - 29
        assert edge.berth(4.0) == (33, edge.point[1])


def test_an_edge_at_an_angle() -> None:
    rows, cols = np.mgrid[:80, :80]
    edges = list(draw_edges(rows > cols, np.random.default_rng(0)))  # water below the diagonal
    inner = [edge for edge in edges if 8 < edge.point[1] < 72]
    assert inner
    for edge in inner:
        assert edge.heading_deg == pytest.approx(135, abs=3)


def test_water_without_an_edge_has_none() -> None:
    random = np.random.default_rng(0)
    assert list(draw_edges(np.zeros((40, 40), dtype=bool), random)) == []
    canal = np.zeros((40, 40), dtype=bool)
    canal[20] = True  # land on both sides, at the same distance
    assert list(draw_edges(canal, random)) == []
