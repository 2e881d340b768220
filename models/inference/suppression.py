"""Non-maximum suppression: of hulls that lie on each other only the surest is a vessel."""

from collections.abc import Sequence

import shapely

from models.geometry import Corners

MOST_SHARED = 0.4
"""Two boxes may share this much of the smaller one's area. Hulls never lie on each other, but their
measured beams are in error, and hulls abreast are kept as two."""


def surest(corners: Sequence[Corners], scores: Sequence[float]) -> list[int]:
    """Indices, in order, of the boxes that no box of a higher score lies on.

    Boxes are taken by falling score, equal ones in their order; a box that shares more than
    MOST_SHARED of its area, or of the other's, with one already taken is left out.
    """
    boxes = [shapely.Polygon(box) for box in corners]
    tree = shapely.STRtree(boxes)
    taken: set[int] = set()
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        touching = taken.intersection(tree.query(boxes[index]).tolist())
        if not any(_lie_on_each_other(boxes[index], boxes[other]) for other in touching):
            taken.add(index)
    return sorted(taken)


def _lie_on_each_other(one: shapely.Polygon, other: shapely.Polygon) -> bool:
    shared = one.intersection(other).area
    return bool(shared > MOST_SHARED * min(one.area, other.area))
