"""Reads the bundled maps and the names of countries and regions.

Countries are keyed by ISO 3166-1 alpha-2 (and XK), regions by ISO 3166-2.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from maps.extent import Extent, extent_of
from maps.topojson import Topology

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class CountryPoint:
    """Position and area of a country: the smallest ones are drawn as dots."""

    lon: float
    lat: float
    area: float  # square degrees


class Atlas:
    """Provides map geometry as bytes, and English names.

    Files are read on first use and cached.
    """

    def __init__(self, folder: Path = DATA) -> None:
        self._folder = folder

    def world_bytes(self) -> bytes:
        """Returns the TopoJSON of all countries."""
        return self._read("world.json")

    def regions_bytes(self, country: str) -> bytes:
        """Returns the TopoJSON of a country's regions. Raises KeyError when `has_regions` is False."""
        if not self.has_regions(country):
            raise KeyError(country)
        return self._read(f"regions/{country}.json")

    def has_regions(self, country: str | None) -> bool:
        return country in self._countries_with_regions

    def name(self, country: str) -> str:
        """Returns a country's English name (CLDR), or the code when it is unknown."""
        return self._names.get(country, country)

    def region_name(self, region: str) -> str:
        return self._region_names.get(region, region)

    @cached_property
    def codes(self) -> frozenset[str]:
        return frozenset(self._names)

    @cached_property
    def region_codes(self) -> frozenset[str]:
        return frozenset(self._region_names)

    @cached_property
    def points(self) -> dict[str, CountryPoint]:
        return {code: CountryPoint(*values) for code, values in self._json("country_points.json").items()}

    @cached_property
    def region_aliases(self) -> dict[str, dict[str, str]]:
        """alpha-2 → {DB-IP's region name: region id}."""
        aliases: dict[str, dict[str, str]] = self._json("region_aliases_dbip.json")
        return aliases

    @cached_property
    def region_ids(self) -> frozenset[str]:
        """Ids of all regions on the maps."""
        return frozenset(self._region_names)

    @cached_property
    def version(self) -> str:
        """Hash of all map files, for cache busting: browsers may cache a version for ever."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.rglob("*.json")):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    @lru_cache(maxsize=64)  # noqa: B019  an atlas lives as long as the process
    def extent(self, country: str) -> Extent:
        """Returns the bounding box that a country's region map shows."""
        return extent_of(self.regions(country))

    def world(self) -> Topology:
        return Topology(json.loads(self.world_bytes()))

    def regions(self, country: str) -> Topology:
        return Topology(json.loads(self.regions_bytes(country)))

    @cached_property
    def _countries_with_regions(self) -> frozenset[str]:
        return frozenset(path.stem for path in (self._folder / "regions").glob("*.json"))

    @cached_property
    def _names(self) -> dict[str, str]:
        names: dict[str, str] = self._json("country_names_en.json")
        return names

    @cached_property
    def _region_names(self) -> dict[str, str]:
        names: dict[str, str] = self._json("region_names_en.json")
        return names

    def _json(self, name: str) -> Any:
        return json.loads(self._read(name))

    @lru_cache(maxsize=300)  # noqa: B019
    def _read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()
