"""Reads Natural Earth's admin-1 provinces from a GeoPackage (SQLite) or GeoJSON file."""

from __future__ import annotations

import json
import re
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maps.topojson import Polygon

PROVINCES_LAYER = "states_provinces"  # substring of the layer's name
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
_POLYGON, _MULTI_POLYGON = 3, 6


class SourceError(Exception):
    """Raised for an invalid source file; the message is one sentence for the terminal."""


@dataclass(frozen=True)
class Province:
    """One admin-1 feature of the source file.

    Names are empty rather than None; `iso` is the file's own ISO 3166-2 code, if any.
    """

    unit: str  # Natural Earth's gu_a3, else adm0_a3: tells France from Guadeloupe
    name: str
    local_name: str
    fips: str
    country: str  # the file's own alpha-2
    iso: str
    polygons: tuple[Polygon, ...]


def read_geopackage(path: Path) -> list[Province]:
    """Reads the provinces of a GeoPackage. Raises SourceError when it has no such layer."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            layers = connection.execute("select table_name, column_name from gpkg_geometry_columns")
            layer = next((layer for layer in layers if PROVINCES_LAYER in layer["table_name"].lower()), None)
            if layer is None:
                raise SourceError(f"The GeoPackage has no layer {PROVINCES_LAYER}.")
            table, geometry = layer
            if not re.fullmatch(r"\w+", table):
                raise SourceError(
                    f"The layer name {table!r} has unsupported characters. Rename it to {PROVINCES_LAYER}."
                )
            rows = connection.execute(f'select * from "{table}"').fetchall()
        except sqlite3.DatabaseError as problem:
            raise SourceError(f"{path} is not a GeoPackage: {problem}.") from None
    return [
        _province({key.lower(): row[key] for key in row.keys()}, tuple(_GeometryReader(row[geometry]).polygons()))  # noqa: SIM118
        for row in rows
    ]


def read_geojson(path: Path) -> list[Province]:
    """Reads the provinces of a GeoJSON FeatureCollection; field names may be upper or lower case."""
    features = json.loads(path.read_text("utf-8"))["features"]
    return [
        _province(
            {name.lower(): value for name, value in feature["properties"].items()},
            _geojson_polygons(feature["geometry"]),
        )
        for feature in features
    ]


def _province(fields: Mapping[str, Any], polygons: tuple[Polygon, ...]) -> Province:
    def text(*names: str) -> str:
        return next((str(fields[name]).strip() for name in names if fields.get(name)), "")

    return Province(
        unit=text("gu_a3", "adm0_a3"),
        name=text("name"),
        local_name=text("gn_name"),
        fips=text("fips"),
        country=text("iso_a2"),
        iso=text("iso_3166_2"),
        polygons=polygons,
    )


def _geojson_polygons(geometry: Mapping[str, Any] | None) -> tuple[Polygon, ...]:
    match geometry:
        case {"type": "Polygon", "coordinates": rings}:
            polygons = [rings]
        case {"type": "MultiPolygon", "coordinates": polygons}:
            pass
        case _:
            polygons = []
    return tuple([[(point[0], point[1]) for point in ring] for ring in polygon] for polygon in polygons)


class _GeometryReader:
    """Reads polygons from a GeoPackage geometry: a header, then well-known binary (WKB), front to back.

    Raises SourceError for anything but polygons.
    """

    def __init__(self, data: bytes) -> None:
        if data[:2] != b"GP":
            raise SourceError("A geometry of the GeoPackage has no GP header.")
        self._data, self._offset, self._byte_order = data, 8 + _ENVELOPE_BYTES[(data[3] >> 1) & 7], "<"

    def polygons(self) -> Iterator[Polygon]:
        self._byte_order = "<" if self._read_number("B") else ">"
        geometry_type = self._read_number("I")
        if geometry_type == _MULTI_POLYGON:
            for _ in range(self._read_number("I")):
                yield from self.polygons()
        elif geometry_type == _POLYGON:
            polygon: Polygon = []
            for _ in range(self._read_number("I")):
                point_count = self._read_number("I")
                numbers = struct.unpack_from(f"{self._byte_order}{2 * point_count}d", self._data, self._offset)
                self._offset += 16 * point_count
                polygon.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
            yield polygon
        else:
            raise SourceError(f"A geometry of the GeoPackage is of type {geometry_type}; expected polygons.")

    def _read_number(self, struct_format: str) -> int:
        (value,) = struct.unpack_from(self._byte_order + struct_format, self._data, self._offset)
        self._offset += struct.calcsize("=" + struct_format)
        return int(value)
