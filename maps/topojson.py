"""TopoJSON decoder: polygons and GeoJSON features, without a dependency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Point = tuple[float, float]
Ring = list[Point]
Polygon = list[Ring]  # the outer ring, then its holes


class Topology:
    """A decoded TopoJSON file, in which shared borders are stored once, as delta-encoded arcs."""

    def __init__(self, topology: dict[str, Any]) -> None:
        """Decodes the arcs. Raises ValueError for anything but a TopoJSON file with one object."""
        if topology.get("type") != "Topology" or len(topology.get("objects", {})) != 1:
            raise ValueError("Not a TopoJSON file with exactly one object")
        (self._collection,) = topology["objects"].values()
        self._arcs = [list(_decode_arc(arc, topology.get("transform"))) for arc in topology["arcs"]]

    @property
    def ids(self) -> list[str]:
        return [str(geometry["id"]) for geometry in self._geometries()]

    def names(self) -> dict[str, str]:
        """Returns id → name (the property `n`) of the features that have one."""
        ids_and_names = ((geometry["id"], geometry.get("properties", {}).get("n")) for geometry in self._geometries())
        return {str(id_): name for id_, name in ids_and_names if name}

    def polygons(self) -> Iterator[tuple[str, Polygon]]:
        """Yields (feature id, polygon) for every polygon."""
        for geometry in self._geometries():
            polygon_arcs = {"Polygon": [geometry["arcs"]], "MultiPolygon": geometry["arcs"]}.get(geometry["type"], [])
            for rings in polygon_arcs:
                yield str(geometry["id"]), [self._ring(arcs) for arcs in rings]

    def features(self) -> dict[str, Any]:
        """Returns a GeoJSON FeatureCollection; coordinates are rounded to three decimals (100 m)."""
        shapes: dict[str, list[Polygon]] = {}
        for id_, polygon in self.polygons():
            rounded = [[(round(lon, 3), round(lat, 3)) for lon, lat in ring] for ring in polygon]
            shapes.setdefault(id_, []).append(rounded)
        features = []
        for id_, polygons in shapes.items():
            # A single polygon stays one: older plotly.js fails on a MultiPolygon without area (Tokelau at this scale).
            is_single = len(polygons) == 1
            geometry = {
                "type": "Polygon" if is_single else "MultiPolygon",
                "coordinates": polygons[0] if is_single else polygons,
            }
            features.append({"type": "Feature", "id": id_, "geometry": geometry})
        return {"type": "FeatureCollection", "features": features}

    def _geometries(self) -> Iterator[dict[str, Any]]:
        return (geometry for geometry in self._collection["geometries"] if geometry.get("id") and geometry.get("arcs"))

    def _ring(self, indexes: list[int]) -> Ring:
        ring: Ring = []
        for index in indexes:
            arc = self._arcs[index] if index >= 0 else self._arcs[~index][::-1]
            ring.extend(arc[1:] if ring else arc)  # consecutive arcs share a point
        return ring


def _decode_arc(arc: list[list[float]], transform: dict[str, Any] | None) -> Iterator[Point]:
    if transform is None:
        yield from ((point[0], point[1]) for point in arc)
        return
    (scale_x, scale_y), (shift_x, shift_y) = transform["scale"], transform["translate"]
    x = y = 0.0
    for step in arc:
        x, y = x + step[0], y + step[1]
        yield x * scale_x + shift_x, y * scale_y + shift_y
