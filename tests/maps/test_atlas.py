from __future__ import annotations

import gzip

import pytest

from maps.atlas import Atlas

ATLAS = Atlas()


def test_every_country_of_the_world_has_a_name_and_a_place() -> None:
    drawn = set(ATLAS.world().ids)
    assert len(drawn) == 249
    assert drawn <= ATLAS.codes
    assert set(ATLAS.points) == set(ATLAS.codes)


def test_names_are_those_that_people_know() -> None:
    assert [ATLAS.name(code) for code in ("DE", "XK", "HK", "CI")] == [
        "Germany",
        "Kosovo",
        "Hong Kong",
        "Côte d’Ivoire",
    ]
    assert ATLAS.region_name("DE-HE") == "Hesse"


def test_an_unknown_code_is_its_own_name() -> None:
    assert ATLAS.name("ZZ") == "ZZ"
    assert ATLAS.region_name("ZZ-1") == "ZZ-1"


def test_every_region_file_is_readable_and_every_region_named() -> None:
    for country in sorted(ATLAS.codes):
        if ATLAS.has_regions(country):
            names = ATLAS.regions(country).names()
            assert set(names) == set(ATLAS.regions(country).ids)
            assert all(name == ATLAS.region_name(code) for code, name in names.items())
            assert all(code.startswith(f"{country}-") for code in names)
            assert not any(set(name) & set("¹²³*†") for name in names.values()), "footnote marks of the source"


def test_every_alias_leads_to_a_region_of_its_country() -> None:
    for country, aliases in ATLAS.region_aliases.items():
        assert {region[:2] for region in aliases.values()} <= {country}
        assert all(ATLAS.region_name(region) != region for region in aliases.values())


@pytest.mark.parametrize("country", ["VA", "SJ", "GP", "../world", "de", "", None])
def test_countries_without_a_map_of_regions_say_so(country: str | None) -> None:
    assert not ATLAS.has_regions(country)


def test_a_country_without_regions_is_no_file() -> None:
    with pytest.raises(KeyError):
        ATLAS.regions_bytes("../../pyproject")


def test_maps_are_small_enough_to_load_on_a_phone() -> None:
    assert len(gzip.compress(ATLAS.world_bytes())) < 46_000
    sizes = {c: len(gzip.compress(ATLAS.regions_bytes(c))) for c in ATLAS.codes if ATLAS.has_regions(c)}
    assert max(sizes.values()) < 16_000


@pytest.mark.parametrize(
    ("country", "west", "south", "east", "north"),
    [
        ("DE", 5.9, 47.3, 15.0, 55.1),
        ("PT", -9.5, 37.0, -6.2, 42.2),  # without Madeira and the Azores
        ("ES", -18.2, 27.6, 4.3, 43.8),  # with the Canaries
        ("RU", 19.6, 41.2, 190.4, 81.9),  # across the date line
        ("FJ", 177.0, -19.2, 181.8, -12.4),
    ],
)
def test_a_country_s_map_shows_where_its_people_live(
    country: str, west: float, south: float, east: float, north: float
) -> None:
    extent = ATLAS.extent(country)
    assert (extent.west, extent.east) == (pytest.approx(west, abs=1), pytest.approx(east, abs=1))
    assert (extent.south, extent.north) == (pytest.approx(south, abs=1), pytest.approx(north, abs=1))


def test_an_archipelago_is_more_than_its_largest_island() -> None:
    assert ATLAS.extent("MV").height > 5


def test_the_version_is_that_of_the_content() -> None:
    assert ATLAS.version == Atlas().version
    assert len(ATLAS.version) == 12
