"""What part of the globe a country's map should show: far islands left out, the date line crossed where needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maps.topojson import Ring, Topology

# A polygon further from the main land than this part of its longer side is left out, so that Portugal is not drawn
# as a speck between the Azores and itself, while Spain keeps the Canaries.
MAX_GAP_SHARE = 0.7
MIN_REACH_DEGREES = 4.0  # at least, or an archipelago would be its largest island
# Nor does a polygon under this part of the main land's area stretch the map (Macquarie Island).
MIN_AREA_SHARE = 1 / 500


@dataclass(frozen=True)
class Extent:
    """Degrees. `west` may be below −180 or `east` above 180: such a map crosses the date line."""

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
        """The larger of the two gaps between the boxes; 0 where they overlap."""
        horizontal_gap = max(other.west - self.east, self.west - other.east)
        vertical_gap = max(other.south - self.north, self.south - other.north)
        return max(horizontal_gap, vertical_gap, 0.0)


def extent_of(topology: Topology) -> Extent:
    """The box around the main land and everything near it. Raises ValueError for an empty topology."""
    boxes = sorted(
        ((ring_area(polygon[0]), _box(polygon[0])) for _, polygon in topology.polygons()), key=lambda b: -b[0]
    )
    if not boxes:
        raise ValueError("Nothing to show: the topology has no polygon")
    (largest, main), *others = boxes
    return _grow(main, [box for area, box in others if area >= largest * MIN_AREA_SHARE])


def _grow(main: Extent, others: list[Extent]) -> Extent:
    """Joins what is near until nothing more is."""
    while True:
        reach = max(MAX_GAP_SHARE * max(main.width, main.height), MIN_REACH_DEGREES)
        nearby_boxes = [box for box in (_nearest_turn(main, other) for other in others) if main.gap(box) <= reach]
        grown = main
        for box in nearby_boxes:
            grown = grown.union(box)
        if grown == main:
            return main
        main = grown


def _nearest_turn(main: Extent, box: Extent) -> Extent:
    return min((box.shift(turn) for turn in (-360.0, 0.0, 360.0)), key=main.gap)


def _box(ring: Ring) -> Extent:
    lons, lats = [lon for lon, _ in ring], [lat for _, lat in ring]
    return Extent(min(lons), min(lats), max(lons), max(lats))


def ring_area(ring: Ring) -> float:
    """Square degrees, whichever way round the ring goes."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in _pairs(ring))) / 2


def ring_centre(ring: Ring) -> tuple[float, float]:
    """The centre of gravity; the middle of the box for a ring without area."""
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
