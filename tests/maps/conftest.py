"""A small Natural Earth: four squares in a row, as a GeoPackage and as GeoJSON."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

Square = list[tuple[float, float]]
FIELDS = ("gu_a3", "name", "gn_name", "fips", "iso_a2", "iso_3166_2")

# Two regions of Germany that the table knows, one of Norway that is a country of its own, an unknown one.
PROVINCES: list[tuple[tuple[str | None, ...], float]] = [
    (("DEU", "Hessen", None, None, "DE", "DE-HE"), 8),
    (("DEU", "Bayern", None, None, "DE", "DE-BY"), 10),
    (("NSV", "Svalbard", "Svalbard", None, "NO", None), 16),
    (("XYZ", "New Landia City", None, None, "DE", "-99"), 12),
]


def square(west: float) -> Square:
    """Two degrees wide, at 50 degrees north, with points along its sides; squares side by side share a border."""
    corners = [(west, 50), (west, 52), (west + 2, 52), (west + 2, 50), (west, 50)]
    return [(float(x), float(y)) for x, y in corners]


def polygon_blob(ring: Square, order: str = "<", *, multi: bool = True) -> bytes:
    """A GeoPackage geometry: header with envelope, then well-known binary."""
    mark = b"\x01" if order == "<" else b"\x00"
    polygon = mark + struct.pack(f"{order}III", 3, 1, len(ring))
    polygon += b"".join(struct.pack(f"{order}dd", *point) for point in ring)
    envelope = struct.pack("<dddd", ring[0][0], ring[2][0], 50, 52)
    header = b"GP" + bytes([0, 0b011]) + struct.pack("<i", 4326) + envelope
    return header + (mark + struct.pack(f"{order}II", 6, 1) + polygon if multi else polygon)


@pytest.fixture
def geopackage(tmp_path: Path) -> Path:
    path = tmp_path / "natural_earth.gpkg"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table gpkg_geometry_columns (table_name text, column_name text)")
        connection.execute("insert into gpkg_geometry_columns values ('ne_10m_admin_1_states_provinces', 'geom')")
        connection.execute(
            f"create table ne_10m_admin_1_states_provinces (fid integer, geom blob, {', '.join(FIELDS)})"
        )
        for number, (values, west) in enumerate(PROVINCES):
            blob = polygon_blob(square(west), "<" if number % 2 else ">", multi=number != 0)
            row = (number, blob, *values)
            connection.execute(f"insert into ne_10m_admin_1_states_provinces values ({','.join('?' * len(row))})", row)
    return path


@pytest.fixture
def geojson(tmp_path: Path) -> Path:
    """The same, with the upper-case field names of Natural Earth's shapefiles."""
    features = [
        {
            "type": "Feature",
            "properties": dict(zip((name.upper() for name in FIELDS), values, strict=True)),
            "geometry": {"type": "Polygon", "coordinates": [square(west)]},
        }
        for values, west in PROVINCES
    ]
    path = tmp_path / "natural_earth.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path
