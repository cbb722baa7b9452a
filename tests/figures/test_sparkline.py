from __future__ import annotations

from xml.etree import ElementTree

import pytest

from proprium.figures.sparkline import path, sparkline


@pytest.mark.parametrize("values", [(), (0,), (3,), (0, 0, 0), (5, 1, 9), tuple(range(100))])
def test_it_is_well_formed_whatever_the_values(values: tuple[int, ...]) -> None:
    assert ElementTree.fromstring(sparkline(values)).tag.endswith("svg")


def test_the_highest_value_is_at_the_top_and_zero_at_the_bottom() -> None:
    assert path((0, 10)) == "M2.0 26.0 L94.0 2.0"


def test_nothing_happened_is_a_flat_line_at_the_bottom() -> None:
    assert path((0, 0, 0)) == "M2.0 26.0 L48.0 26.0 L94.0 26.0"
