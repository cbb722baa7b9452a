"""Locations from nested and flat GeoIP files, and none without a usable file."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import geoip2.database
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from collector.geolocation import UNKNOWN_LOCATION, GeoIPDatabase, GeoIPState, Location
from maps.atlas import Atlas
from tests.collector.conftest import MakeHarness

ALIASES = {"DE": {"Hesse": "DE-HE", "Hessen": "DE-HE"}, "US": {"California": "US-CA"}}


def nested(country: str, region: dict[str, Any] | None, city: str | None) -> dict[str, Any]:
    record: dict[str, Any] = {"country": {"iso_code": country, "names": {"en": "A country"}}}
    if region:
        record["subdivisions"] = [region, {"names": {"en": "A smaller part"}}]
    if city:
        record["city"] = {"names": {"en": city}}
    return record


def write(path: Path, kind: str, records: dict[str, dict[str, Any]], ip_version: int = 6) -> Path:
    writer = MMDBWriter(ip_version, kind, languages=["en"], ipv4_compatible=ip_version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    fresh = path.with_suffix(".new")
    writer.to_db_file(str(fresh))
    os.replace(fresh, path)
    return path


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return write(
        tmp_path / "city.mmdb",
        "DBIP-City-Lite",
        {
            "198.51.100.0/25": nested("DE", {"names": {"en": "Hesse"}}, "Frankfurt am Main"),
            "198.51.100.128/26": nested("DE", {"names": {"en": "Nowhere"}}, None),
            "198.51.100.192/26": nested("DE", {"names": {"en": "Other"}, "iso_code": "BY"}, None),
            "2001:db8::/32": nested("US", {"names": {"en": "California"}}, "Mountain View"),
        },
    )


def test_a_nested_database_gives_country_region_of_our_maps_and_city(city: Path) -> None:
    geo = GeoIPDatabase(city, ALIASES)
    assert geo.locate("198.51.100.7") == Location("DE", "DE-HE", "Frankfurt am Main")
    assert geo.locate("2001:db8::1") == Location("US", "US-CA", "Mountain View")


def test_an_unknown_region_keeps_its_code_or_its_name(city: Path) -> None:
    geo = GeoIPDatabase(city, ALIASES)
    assert geo.locate("198.51.100.130").region == "Nowhere"
    assert geo.locate("198.51.100.200").region == "DE-BY"


def test_a_flat_database_gives_the_same(tmp_path: Path) -> None:
    flat = {"country_code": "DE", "state1": "Hessen", "city": "Kassel", "latitude": 51.3}
    geo = GeoIPDatabase(
        write(tmp_path / "flat.mmdb", "dbip-city ipv4", {"198.51.100.0/24": flat}, ip_version=4), ALIASES
    )
    assert geo.locate("198.51.100.7") == Location("DE", "DE-HE", "Kassel")
    assert geo.locate("203.0.113.1") == UNKNOWN_LOCATION
    assert geo.locate("2001:db8::1") == UNKNOWN_LOCATION


MAPS = Atlas()


@pytest.mark.parametrize(
    ("country", "code", "name", "region", "shown"),
    [
        ("EC", "N", "Napo", "EC-N", "Napo"),  # the aliases have a neighbour for each of these four
        ("TW", "TPE", "Taipei", "TW-TPE", "Taipei"),
        ("LS", "B", "Butha-Buthe", "LS-B", "Butha-Buthe"),
        ("CR", "C", "Cartago", "CR-C", "Cartago"),
        ("CZ", "10", "Hlavní město Praha", "Hlavní město Praha", "Hlavní město Praha"),  # not on our maps
        ("US", "PR", "Puerto Rico", "Puerto Rico", "Puerto Rico"),
        ("UA", "43", "Crimea", "Crimea", "Crimea"),
        ("CZ", "10", "Prague", "CZ-xprague", "Prague"),  # on our maps, without a code there
        ("US", "PR", None, "US-PR", "US-PR"),
        ("EC", None, "Azuay", "EC-A", "Azuay"),  # DB-IP Lite has names only
        ("EC", "?!", "Azuay", "EC-A", "Azuay"),
        ("DE", "BY", "Bavaria", "DE-BY", "Bavaria"),
        ("DE", "by", "Bavaria", "DE-BY", "Bavaria"),
    ],
)
def test_the_databases_own_code_outranks_the_aliases(
    tmp_path: Path, country: str, code: str | None, name: str | None, region: str, shown: str
) -> None:
    part = {key: value for key, value in (("iso_code", code), ("names", name and {"en": name})) if value}
    path = write(tmp_path / "city.mmdb", "GeoLite2-City", {"198.51.100.0/24": nested(country, part, None)})
    location = GeoIPDatabase(path, MAPS.region_aliases, MAPS.region_ids).locate("198.51.100.7")
    assert location.region == region
    assert MAPS.region_name(location.region or "") == shown


def test_every_region_of_our_maps_is_found_by_its_own_code(tmp_path: Path) -> None:
    """Whatever name the database gives it, and whatever the aliases say of that name."""
    geo = GeoIPDatabase(None, MAPS.region_aliases, MAPS.region_ids)
    for country, aliases in MAPS.region_aliases.items():
        for name in aliases:
            for region_id in (id_ for id_ in MAPS.region_ids if id_.startswith(f"{country}-") and "-x" not in id_):
                assert geo._region(country, [(name, region_id.partition("-")[2])]) == region_id
                break


def test_a_smaller_part_that_our_maps_show_is_preferred_to_a_larger_one_that_they_do_not(tmp_path: Path) -> None:
    record = nested("FR", {"iso_code": "IDF", "names": {"en": "Île-de-France"}}, None)
    record["subdivisions"][1] = {"iso_code": "75", "names": {"en": "Paris"}}
    path = write(tmp_path / "city.mmdb", "GeoLite2-City", {"198.51.100.0/24": record})
    assert GeoIPDatabase(path, {}, {"FR-75"}).locate("198.51.100.7").region == "FR-75"
    assert GeoIPDatabase(path, {}, {"FR-75", "FR-IDF"}).locate("198.51.100.7").region == "FR-IDF"


def test_a_flat_database_with_codes_of_regions(tmp_path: Path) -> None:
    flat = {"country": "EC", "region": "Napo", "region_code": "N", "city": "Tena"}
    path = write(tmp_path / "flat.mmdb", "ipinfo standard_location.mmdb", {"198.51.100.0/24": flat})
    geo = GeoIPDatabase(path, MAPS.region_aliases, MAPS.region_ids)
    assert geo.locate("198.51.100.7") == Location("EC", "EC-N", "Tena")


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("GeoLite2-ASN", {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}),
        ("GeoIP2-Anonymous-IP", {"is_anonymous": True}),
        ("DBIP-City-Lite", {"asn": 64500}),  # whatever it calls itself
    ],
)
def test_a_database_without_places_is_told(
    tmp_path: Path, kind: str, record: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    geo = GeoIPDatabase(write(tmp_path / "db.mmdb", kind, {"198.51.100.0/24": record}))
    with caplog.at_level(logging.WARNING):
        assert {geo.locate(f"198.51.100.{number}") for number in range(9)} == {UNKNOWN_LOCATION}
    assert geo.current_state() is GeoIPState.NO_PLACES
    assert [entry.message for entry in caplog.records] == ["GeoIP database has no places; visitors have no location"]


def test_the_state_follows_the_file(tmp_path: Path, city: Path) -> None:
    geo = GeoIPDatabase(tmp_path / "later.mmdb")
    assert geo.current_state() is GeoIPState.MISSING
    city.rename(tmp_path / "later.mmdb")
    geo.reload_if_changed()
    assert geo.current_state() is GeoIPState.READY


def test_a_country_database_gives_countries(tmp_path: Path) -> None:
    path = write(tmp_path / "country.mmdb", "GeoLite2-Country", {"198.51.100.0/24": nested("DE", None, None)})
    assert GeoIPDatabase(path).locate("198.51.100.7") == Location("DE")


def test_the_nested_schema_is_read_by_geoip2(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    original = geoip2.database.Reader.city
    monkeypatch.setattr(geoip2.database.Reader, "city", lambda self, ip: (looked_up.append(ip), original(self, ip))[1])
    geo = GeoIPDatabase(city, ALIASES)
    assert geo.locate("198.51.100.7") == geo.locate("198.51.100.7")
    assert looked_up == ["198.51.100.7"]  # the second time from the cache


@pytest.mark.parametrize("content", [None, b"", b"<html>404</html>", b"\0" * 5_000])
def test_a_missing_or_broken_file_gives_no_location_and_one_warning(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "db.mmdb"
    if content is not None:
        path.write_bytes(content)
    geo = GeoIPDatabase(path)
    with caplog.at_level(logging.WARNING):
        assert {geo.locate(f"198.51.100.{n}") for n in range(9)} == {UNKNOWN_LOCATION}
    assert len(caplog.records) == (0 if content is None else 1)
    assert geo.current_state() is (GeoIPState.MISSING if content is None else GeoIPState.UNREADABLE)


def test_a_damaged_file_gives_one_warning_without_address(city: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = city.read_bytes()
    city.write_bytes(content[: len(content) // 4] + b"\xff" * (len(content) // 2) + content[len(content) * 3 // 4 :])
    geo = GeoIPDatabase(city)
    assert all(isinstance(geo.locate(f"198.51.100.{n}"), Location) for n in range(256))
    assert len(caplog.records) <= 1
    assert "198.51" not in caplog.text


def test_a_new_file_is_read_without_a_restart(tmp_path: Path, city: Path) -> None:
    path = tmp_path / "db.mmdb"
    geo = GeoIPDatabase(path, ALIASES)
    assert geo.locate("198.51.100.7") == UNKNOWN_LOCATION
    city.rename(path)
    assert geo.reload_if_changed()
    assert geo.locate("198.51.100.7").country == "DE"
    write(path, "DBIP-City-Lite", {"198.51.100.0/24": nested("FR", None, None)})
    assert geo.reload_if_changed()
    assert geo.locate("198.51.100.7") == Location("FR")
    assert not geo.reload_if_changed()


def test_a_file_overwritten_while_open_crashes_nothing(city: Path) -> None:
    """Mapped into memory as it lay there, the next look at it would be the process's last."""
    content = city.read_bytes()
    geo = GeoIPDatabase(city, ALIASES)
    assert geo.locate("198.51.100.7").country == "DE"
    with city.open("r+b") as file:
        file.truncate(0)
        assert geo.locate("198.51.100.8").country == "DE"  # until it is looked at again
        assert geo.reload_if_changed()
        assert geo.locate("198.51.100.9") == UNKNOWN_LOCATION
        file.write(content)
    assert geo.reload_if_changed()
    assert geo.locate("198.51.100.9").country == "DE"
    assert [file.name for file in city.parent.iterdir()] == [city.name]


@pytest.mark.parametrize("address", [None, "", "nonsense", "999.1.1.1", "fe80::1%eth0"])
def test_an_invalid_address_has_no_location(city: Path, address: str | None) -> None:
    assert GeoIPDatabase(city).locate(address) == UNKNOWN_LOCATION


async def test_a_hit_gets_a_location_and_its_address_is_not_stored(make_harness: MakeHarness, city: Path) -> None:
    harness = make_harness("198.51.100.7", geo=GeoIPDatabase(city, ALIASES))
    event = await harness.hit({"url": "/"})
    assert (event.country, event.region, event.city) == ("DE", "DE-HE", "Frankfurt am Main")
    assert "198.51.100" not in repr(event)
    assert "198.51.100" not in repr(harness.outcomes)


async def test_hits_are_stored_whatever_happens_to_the_geoip_database(
    make_harness: MakeHarness, city: Path, tmp_path: Path
) -> None:
    good, path = city.read_bytes(), tmp_path / "swapped.mmdb"
    geo = GeoIPDatabase(path, ALIASES)
    harness = make_harness("198.51.100.7", geo=geo)
    countries = []
    for content in (None, good, b"\0" * 5_000, good, good[: len(good) // 2], b"", good):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        geo.reload_if_changed()
        countries.append((await harness.hit()).country)
    assert countries == [None, "DE", None, "DE", None, None, "DE"]
