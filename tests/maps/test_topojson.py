from __future__ import annotations

import pytest

from maps.topojson import Topology

# Two squares that share the arc from (1, 1) to (1, 0); steps of one hundredth, moved by (10, 20).
TWO_SQUARES = {
    "type": "Topology",
    "transform": {"scale": [0.01, 0.01], "translate": [10, 20]},
    "arcs": [
        [[100, 100], [0, -100]],
        [[100, 0], [-100, 0], [0, 100], [100, 0]],
        [[100, 100], [100, 0], [0, -100], [-100, 0]],
    ],
    "objects": {
        "r": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "id": "AA-1", "properties": {"n": "One"}},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]], "id": "AA-2", "properties": {}},
                {"type": None, "id": "AA-3"},
            ],
        }
    },
}


def test_rings_are_closed_and_shared_arcs_run_backwards() -> None:
    shapes = dict(Topology(TWO_SQUARES).polygons())
    assert shapes["AA-1"] == [[(11, 21), (11, 20), (10, 20), (10, 21), (11, 21)]]
    assert shapes["AA-2"] == [[(11, 21), (12, 21), (12, 20), (11, 20), (11, 21)]]


def test_shapes_without_geometry_are_left_out() -> None:
    assert Topology(TWO_SQUARES).ids == ["AA-1", "AA-2"]
    assert Topology(TWO_SQUARES).names() == {"AA-1": "One"}


def test_geojson_has_one_feature_an_id() -> None:
    features = Topology(TWO_SQUARES).features()["features"]
    assert [(feature["id"], feature["geometry"]["type"]) for feature in features] == [
        ("AA-1", "Polygon"),
        ("AA-2", "Polygon"),
    ]


@pytest.mark.parametrize("wrong", [{}, {"type": "FeatureCollection"}, {"type": "Topology", "objects": {}, "arcs": []}])
def test_anything_else_is_rejected(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Not a TopoJSON file"):
        Topology(wrong)
