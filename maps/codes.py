"""Assigns Natural Earth's provinces the ISO codes that GeoIP databases use."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maps.source import Province

# Natural Earth's units that are not in ISO 3166-1, or that GeoIP databases report separately from their state.
COUNTRY_OF_UNIT: dict[str, str] = {
    "SOL": "SO",  # Somaliland
    "CYN": "CY",  # Northern Cyprus
    "ESB": "CY",
    "WSB": "CY",
    "USG": "CU",  # Guantánamo
    "KAB": "KZ",  # Baikonur
    "CCK": "CC",
    "CXR": "CX",
    "GLP": "GP",
    "GUF": "GF",
    "MTQ": "MQ",
    "MYT": "YT",
    "REU": "RE",
    "NSV": "SJ",
    "BVT": "BV",
}
# Uninhabited or disputed units, drawn as sea.
UNITS_NOT_DRAWN = frozenset({"CLP", "PGA", "KAS"})

# GeoIP databases have no regions here that match Natural Earth's: the UI shows a list instead of a map.
WITHOUT_REGIONS = frozenset({"BQ", "BV", "CC", "CX", "GF", "GP", "MQ", "RE", "SJ", "VA", "YT"})
# Countries of their own on the world map, so they are not regions on their state's map as well.
SEPARATE_COUNTRIES = frozenset({"SJ", "BV"})


@dataclass(frozen=True)
class Codes:
    """Country and region code of a province.

    `country` is empty for areas that are not drawn, `region` for those without regions.
    """

    country: str
    region: str


class CodeTable:
    """Looks up the codes of provinces in provinces.csv.

    Provinces that are not listed (other Natural Earth versions) keep the codes in their file.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._codes_by_key: dict[tuple[str, ...], Codes] = {}
        candidates: dict[tuple[str, str], set[Codes]] = defaultdict(set)
        for row in rows:
            codes = Codes(row["country"], row["region"])
            self._codes_by_key[row["unit"], row["name"], row["local_name"], row["fips"]] = codes
            candidates[row["unit"], row["name"]].add(codes)
        self._codes_by_name = {key: next(iter(codes)) for key, codes in candidates.items() if len(codes) == 1}

    @classmethod
    def read(cls, path: Path) -> CodeTable:
        with path.open(encoding="utf-8", newline="") as file:
            return cls(csv.DictReader(file))

    def lookup(self, province: Province) -> Codes:
        """Returns the codes of a province.

        Matched by all four fields, else by unit and name, else the codes in its file.
        """
        key = (province.unit, province.name, province.local_name, province.fips)
        if codes := self._codes_by_key.get(key) or self._codes_by_name.get(key[:2]):
            return codes
        country = COUNTRY_OF_UNIT.get(province.unit, province.country)
        if province.unit in UNITS_NOT_DRAWN or not re.fullmatch(r"[A-Z]{2}", country):
            return Codes("", "")
        if country in SEPARATE_COUNTRIES or country in WITHOUT_REGIONS:
            return Codes(country, "")
        if re.fullmatch(rf"{country}-[A-Z0-9]{{1,3}}", province.iso):
            return Codes(country, province.iso)
        return Codes(country, private_code(country, province.name)) if province.name else Codes(country, "")


def private_code(country: str, name: str) -> str:
    """Returns a private code ("NO-xtroms") for a region without an ISO code."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return f"{country}-x{re.sub('[^a-z0-9]', '', plain)}"


TYPE_WORDS = re.compile(
    r"\b(?:Oblast|Province|Region|Governorate|Prefecture|County|District|City|Municipality|State)\b"
)


def without_type_words(names: Mapping[str, str]) -> dict[str, str]:
    """Drops words like "Oblast" from a country's region names.

    Only where the names stay unique: Kyiv and Kyiv Oblast differ.
    """
    short_names = {code: " ".join(TYPE_WORDS.sub(" ", name).split()) or name for code, name in names.items()}
    unique_names = {}
    for code, name in names.items():
        short_name = short_names[code]
        is_ambiguous = any(short_name in (short_names[other], names[other]) for other in names if other != code)
        unique_names[code] = name if is_ambiguous else short_name
    return unique_names
