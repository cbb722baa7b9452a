"""IP geolocation: country, region and city from a local GeoIP (mmdb) file."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import geoip2.database
import geoip2.errors
import maxminddb

log = logging.getLogger(__name__)

Aliases = Mapping[str, Mapping[str, str]]
CHECK_INTERVAL_S = 10
TEMP_FILE_PREFIX = ".geoip-"
PROBED_RECORDS = 1_000
PLACE_KEYS = frozenset({"country", "country_code", "registered_country"})
"""Keys of which a record of places has at least one; a database of networks (ASN) has none."""
MAX_CACHED_ADDRESSES = 16_384  # in memory only; the cache is dropped with its database


class Location(NamedTuple):
    country: str | None = None  # ISO 3166-1 alpha-2, or XK
    region: str | None = None  # ISO 3166-2 id of our maps, else the name in the database
    city: str | None = None


class GeoIPState(StrEnum):
    """Whether visitors get a location, and why not; the value is a sentence's end for logs and readiness."""

    READY = "ready"
    MISSING = "there is no GeoIP database"
    UNREADABLE = "the GeoIP database cannot be read"
    NO_PLACES = "the GeoIP database has no places; one of cities or countries is needed"


UNKNOWN_LOCATION = Location()
Lookup = Callable[[str], Location]


class GeoIPDatabase:
    """Looks addresses up in the mmdb file at `path`. Never raises.

    A missing entry or a broken file gives UNKNOWN_LOCATION; errors are logged once per file. `aliases` is alpha-2 →
    {region name in GeoIP databases: id of our maps}, `region_ids` are all ids of our maps (None: any). A replaced or
    overwritten file is reloaded within CHECK_INTERVAL_S, without a restart.
    """

    def __init__(
        self, path: Path | None, aliases: Aliases | None = None, region_ids: Container[str] | None = None
    ) -> None:
        self.path = path
        self.state = GeoIPState.MISSING
        self._aliases = aliases or {}
        self._region_ids = region_ids
        self._signature: tuple[int, ...] | None = None
        self._next_check_s = 0.0
        self._lookup: Lookup = _unknown_location
        self._has_logged_error = False

    def locate(self, address: str | None) -> Location:
        """Returns the location of an address; UNKNOWN_LOCATION without a database or an entry."""
        if time.monotonic() >= self._next_check_s:
            self.reload_if_changed()
        return self._lookup(address) if address else UNKNOWN_LOCATION

    def current_state(self) -> GeoIPState:
        """Returns the state of the file, which is looked at as often as by `locate`."""
        if time.monotonic() >= self._next_check_s:
            self.reload_if_changed()
        return self.state

    def reload_if_changed(self) -> bool:
        """Reloads the file when it has changed; returns whether it did."""
        self._next_check_s = time.monotonic() + CHECK_INTERVAL_S
        try:
            file_stat = self.path.stat() if self.path else None
        except OSError:
            file_stat = None
        signature = (file_stat.st_mtime_ns, file_stat.st_size, file_stat.st_ino) if file_stat else None
        if signature == self._signature:
            return False
        self._signature, self._has_logged_error = signature, False
        self._lookup, self.state = _unknown_location, GeoIPState.MISSING
        if self.path is None or signature is None:
            return True
        try:
            with _private_copy(self.path) as private_copy:
                lookup = self._lookup_for(private_copy)
        except Exception as problem:  # a broken file must not stop the collection
            self.state = GeoIPState.UNREADABLE
            log.warning(
                "GeoIP database cannot be read; visitors have no location",
                extra={"file": self.path.name, "error": str(problem)},
            )
        else:
            if lookup is None:
                self.state = GeoIPState.NO_PLACES
                log.warning("GeoIP database has no places; visitors have no location", extra={"file": self.path.name})
            else:
                self.state = GeoIPState.READY
                self._lookup = lru_cache(MAX_CACHED_ADDRESSES)(self._with_error_handling(lookup))
        return True

    def _lookup_for(self, path: Path) -> Lookup | None:
        """Opens the file: nested schemas with geoip2, flat ones with maxminddb; None where it has no places.

        MaxMind's and DB-IP's own files are nested.
        """
        with maxminddb.open_database(path) as probe_reader:
            database_type = probe_reader.metadata().database_type
            if not any(_has_place(record) for _, record in islice(probe_reader, PROBED_RECORDS)):
                return None
        if "City" in database_type or "Enterprise" in database_type or "Country" in database_type:
            reader = geoip2.database.Reader(path, locales=["en"])
            query = (
                reader.city
                if "City" in database_type
                else reader.enterprise
                if "Enterprise" in database_type
                else reader.country
            )
            return lambda address: self._from_nested(query(address))
        flat_reader = maxminddb.open_database(path)

        def locate_flat(address: str) -> Location:
            record = flat_reader.get(address)
            if not isinstance(record, dict):
                return UNKNOWN_LOCATION
            country = _country_code(record.get("country_code")) or _country_code(record.get("country"))
            region = (record.get("state1") or record.get("region"), record.get("region_code"))
            return Location(country, self._region(country, [region]), _clean_name(record.get("city")))

        return locate_flat

    def _with_error_handling(self, lookup: Lookup) -> Lookup:
        def locate(address: str) -> Location:
            try:
                return lookup(address)
            except (geoip2.errors.AddressNotFoundError, ValueError):
                return UNKNOWN_LOCATION  # a gap in the database, or IPv6 in an IPv4 file
            except Exception as problem:
                if not self._has_logged_error:
                    self._has_logged_error = True
                    log.warning("GeoIP lookup failed", extra={"error_type": type(problem).__name__})
                return UNKNOWN_LOCATION

        return locate

    def _from_nested(self, record: Any) -> Location:
        country = _country_code(record.country.iso_code)
        subdivisions = [(part.name, part.iso_code) for part in getattr(record, "subdivisions", ())]
        city = getattr(record, "city", None)
        return Location(country, self._region(country, subdivisions), _clean_name(city.name) if city else None)

    def _region(self, country: str | None, subdivisions: list[tuple[Any, Any]]) -> str | None:
        """Returns the id on our maps of the first of these (name, ISO code), largest first, that has one.

        The database's own code outranks the aliases, which were guessed from positions: among them are neighbours.
        Without an id, the largest one's name in the database is the region, else its code.
        """
        if not country or not subdivisions:
            return None
        names_and_ids = [
            (_clean_name(name), f"{country}-{code.upper()}" if _is_region_code(code) else None)
            for name, code in subdivisions
        ]
        for _name, region_id in names_and_ids:
            if region_id and (self._region_ids is None or region_id in self._region_ids):
                return region_id
        name, region_id = names_and_ids[0]
        alias = self._aliases.get(country, {}).get(name or "")
        # A region with a code that our maps lack can only be one that has no code there ("CZ-xprague").
        if alias and (region_id is None or alias.startswith(f"{country}-x")):
            return alias
        return name or region_id


def _unknown_location(address: str) -> Location:
    return UNKNOWN_LOCATION


@contextmanager
def _private_copy(path: Path) -> Iterator[Path]:
    """Provides a temporary copy of the file and deletes it on exit.

    A reader that is open by then keeps its data, and no other process can reach the copy: truncating a file that is
    memory-mapped would crash this process. The copy takes the disk space of the file; without that space the file
    itself is used.
    """
    copy = _copy_file(path, path.parent) or _copy_file(path, Path(tempfile.gettempdir()))
    try:
        yield copy or path
    finally:
        if copy:
            copy.unlink()


def _copy_file(path: Path, folder: Path) -> Path | None:
    try:
        handle, name = tempfile.mkstemp(prefix=TEMP_FILE_PREFIX, dir=folder)
        os.close(handle)
    except OSError:
        return None
    try:
        shutil.copyfile(path, name)
        return Path(name)
    except OSError:
        Path(name).unlink()
        return None


def _has_place(record: Any) -> bool:
    return isinstance(record, dict) and not PLACE_KEYS.isdisjoint(record)


def _is_region_code(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 3 and value.isascii() and value.isalnum()


def _country_code(value: Any) -> str | None:
    is_code = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return value.upper() if is_code else None


def _clean_name(value: Any) -> str | None:
    return (value.strip()[:200] or None) if isinstance(value, str) else None
