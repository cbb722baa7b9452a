"""IP geolocation: country, region and city from a local GeoIP (mmdb) file."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import geoip2.database
import geoip2.errors
import maxminddb

log = logging.getLogger(__name__)

Aliases = Mapping[str, Mapping[str, str]]
CHECK_INTERVAL_S = 10
TEMP_FILE_PREFIX = ".geoip-"
MAX_CACHED_ADDRESSES = 16_384  # in memory only; the cache is dropped with its database


class Location(NamedTuple):
    country: str | None = None  # ISO 3166-1 alpha-2, or XK
    region: str | None = None  # ISO 3166-2 id of our maps, else the name in the database
    city: str | None = None


UNKNOWN_LOCATION = Location()
Lookup = Callable[[str], Location]


class GeoIPDatabase:
    """Looks addresses up in the mmdb file at `path`. Never raises.

    A missing entry or a broken file gives UNKNOWN_LOCATION; errors are logged once per file. `aliases` is alpha-2 →
    {region name in GeoIP databases: id of our maps}. A replaced or overwritten file is reloaded within
    CHECK_INTERVAL_S, without a restart.
    """

    def __init__(self, path: Path | None, aliases: Aliases | None = None) -> None:
        self._path = path
        self._aliases = aliases or {}
        self._signature: tuple[int, ...] | None = None
        self._next_check_s = 0.0
        self._lookup: Lookup = _unknown_location
        self._has_logged_error = False
        self.is_ready = False

    def locate(self, address: str | None) -> Location:
        """Returns the location of an address; UNKNOWN_LOCATION without a database or an entry."""
        if time.monotonic() >= self._next_check_s:
            self.reload_if_changed()
        return self._lookup(address) if address else UNKNOWN_LOCATION

    def reload_if_changed(self) -> bool:
        """Reloads the file when it has changed; returns whether it did."""
        self._next_check_s = time.monotonic() + CHECK_INTERVAL_S
        try:
            file_stat = self._path.stat() if self._path else None
        except OSError:
            file_stat = None
        signature = (file_stat.st_mtime_ns, file_stat.st_size, file_stat.st_ino) if file_stat else None
        if signature == self._signature:
            return False
        self._signature, self._has_logged_error = signature, False
        self._lookup, self.is_ready = _unknown_location, False
        if self._path is None or signature is None:
            return True
        try:
            with _private_copy(self._path) as private_copy:
                lookup = self._lookup_for(private_copy)
        except Exception as problem:  # a broken file must not stop the collection
            log.warning(
                "GeoIP database cannot be read; visitors have no location",
                extra={"file": self._path.name, "error": str(problem)},
            )
        else:
            self._lookup, self.is_ready = lru_cache(MAX_CACHED_ADDRESSES)(self._with_error_handling(lookup)), True
        return True

    def _lookup_for(self, path: Path) -> Lookup:
        """Opens the file: nested schemas with geoip2, flat ones with maxminddb.

        MaxMind's and DB-IP's own files are nested.
        """
        with maxminddb.open_database(path) as probe_reader:
            database_type = probe_reader.metadata().database_type
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
            country, city = _country_code(record.get("country_code")), _clean_name(record.get("city"))
            return Location(country, self._region(country, record.get("state1"), None), city)

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
        subdivisions = getattr(record, "subdivisions", ())
        largest = subdivisions[0] if subdivisions else None
        city = getattr(record, "city", None)
        return Location(
            country,
            self._region(country, largest.name, largest.iso_code) if largest else None,
            _clean_name(city.name) if city else None,
        )

    def _region(self, country: str | None, name: Any, code: Any) -> str | None:
        """Returns the region's id from the aliases, else its ISO code, else its name."""
        name = _clean_name(name)
        if not country:
            return None
        if name and (region_id := self._aliases.get(country, {}).get(name)):
            return region_id
        return f"{country}-{code}" if code else name


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


def _country_code(value: Any) -> str | None:
    is_code = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return value.upper() if is_code else None


def _clean_name(value: Any) -> str | None:
    return (value.strip()[:200] or None) if isinstance(value, str) else None
