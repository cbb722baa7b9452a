"""Map extents: a country's bounding box without remote islands.

A box may cross the date line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maps.topojson import Ring, Topology

# A polygon further from the mainland than this share of the mainland's longer side is left out: Portugal does without
# the Azores, which would make it a speck; Spain keeps the Canaries.
MAX_GAP_SHARE = 0.7
MIN_REACH_DEGREES = 4.0  # lower bound of that distance, or an archipelago would shrink to its largest island
# A polygon under this share of the mainland's area does not extend the map (Macquarie Island).
MIN_AREA_SHARE = 1 / 500


@dataclass(frozen=True)
class Extent:
    """A bounding box in degrees.

    `west` below −180 or `east` above 180 means that it crosses the date line.
    """

    west: float
    south: float
    east: float
    north: float

    @property
    def lon(self) -> float:
        return (self.west + self.east) / 2

    @property
    def lat(self) -> float:
        return (self.south + self.north) / 2

    @property
    def width(self) -> float:
        return self.east - self.west

    @property
    def height(self) -> float:
        return self.north - self.south

    def union(self, other: Extent) -> Extent:
        return Extent(
            min(self.west, other.west),
            min(self.south, other.south),
            max(self.east, other.east),
            max(self.north, other.north),
        )

    def shift(self, degrees: float) -> Extent:
        return Extent(self.west + degrees, self.south, self.east + degrees, self.north)

    def gap(self, other: Extent) -> float:
        """Returns the larger of the horizontal and vertical gaps, in degrees.

        0 when the boxes overlap.
        """
        horizontal_gap = max(other.west - self.east, self.west - other.east)
        vertical_gap = max(other.south - self.north, self.south - other.north)
        return max(horizontal_gap, vertical_gap, 0.0)


def extent_of(topology: Topology) -> Extent:
    """Returns the box around the mainland and all polygons near it.

    Raises ValueError for an empty topology.
    """
    boxes = sorted(
        ((ring_area(polygon[0]), _box(polygon[0])) for _, polygon in topology.polygons()),
        key=lambda area_and_box: -area_and_box[0],
    )
    if not boxes:
        raise ValueError("The topology has no polygon")
    (largest_area, main), *others = boxes
    candidates = [box for area, box in others if area >= largest_area * MIN_AREA_SHARE]
    while True:  # a grown box reaches further
        reach = max(MAX_GAP_SHARE * max(main.width, main.height), MIN_REACH_DEGREES)
        grown = main
        for box in candidates:
            # Of the three copies of a box around the globe, the nearest.
            nearest_copy = min((box.shift(degrees) for degrees in (-360.0, 0.0, 360.0)), key=main.gap)
            if main.gap(nearest_copy) <= reach:
                grown = grown.union(nearest_copy)
        if grown == main:
            return main
        main = grown


def _box(ring: Ring) -> Extent:
    lons, lats = [lon for lon, _ in ring], [lat for _, lat in ring]
    return Extent(min(lons), min(lats), max(lons), max(lats))


def ring_area(ring: Ring) -> float:
    """Returns the area in square degrees, for either orientation of the ring."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in _pairs(ring))) / 2


def ring_centre(ring: Ring) -> tuple[float, float]:
    """Returns the centroid (lon, lat); the centre of the box for a ring without area."""
    crosses = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in _pairs(ring)]
    six_times_area = 3 * sum(cross for _, _, cross in crosses)
    if not six_times_area:
        box = _box(ring)
        return box.lon, box.lat
    lon = sum((a[0] + b[0]) * cross for a, b, cross in crosses) / six_times_area
    lat = sum((a[1] + b[1]) * cross for a, b, cross in crosses) / six_times_area
    return lon, lat


def _pairs(ring: Ring) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    return zip(ring, ring[1:] + ring[:1], strict=True)
