from __future__ import annotations

from pathlib import Path

import pytest

from maps.source import SourceError, read_geojson, read_geopackage
from tests.maps.conftest import square


def test_a_geopackage_is_read_in_both_byte_orders_and_both_shapes(geopackage: Path) -> None:
    provinces = read_geopackage(geopackage)
    assert [province.name for province in provinces] == ["Hessen", "Bayern", "Svalbard", "New Landia City"]
    assert [province.polygons for province in provinces] == [([square(west)],) for west in (8, 10, 16, 12)]
    assert provinces[0].unit == "DEU"
    assert provinces[0].local_name == ""


def test_geojson_gives_the_same(geopackage: Path, geojson: Path) -> None:
    assert read_geojson(geojson) == read_geopackage(geopackage)


def test_a_file_that_is_no_geopackage_is_rejected_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    path.write_text("<html>not here</html>" * 100)
    with pytest.raises(SourceError, match="is not a GeoPackage"):
        read_geopackage(path)
