"""Country, region and city of an address, from a local mmdb file; without one, from nothing at all."""

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
CHECK_EVERY_S = 10
SCRATCH = ".geoip-"
CACHED_ADDRESSES = 16_384  # they stay in memory only, and go with the file or with the process


class Place(NamedTuple):
    country: str | None = None  # ISO 3166-1 alpha-2, or XK
    region: str | None = None  # ISO 3166-2 id of our maps, else the name as the database wrote it
    city: str | None = None


NOWHERE = Place()
Lookup = Callable[[str], Place]


class Geo:
    """Looks addresses up in the file at `path`. Never raises: what is missing or broken is logged once, and is NOWHERE.

    `aliases` is alpha-2 → {region as databases write it: id of our maps}. A file that is replaced, or written over, is
    read again within seconds, without a restart.
    """

    def __init__(self, path: Path | None, aliases: Aliases | None = None) -> None:
        self._path = path
        self._aliases = aliases or {}
        self._signature: tuple[int, ...] | None = None
        self._next_check = 0.0
        self._lookup: Lookup = _nowhere
        self._has_complained = False
        self.is_ready = False

    def place(self, address: str | None) -> Place:
        """Where an address is; NOWHERE when it or the database is unknown."""
        if time.monotonic() >= self._next_check:
            self.reload_if_changed()
        return self._lookup(address) if address else NOWHERE

    def reload_if_changed(self) -> bool:
        """True when the file was read again."""
        self._next_check = time.monotonic() + CHECK_EVERY_S
        signature = _signature(self._path)
        if signature == self._signature:
            return False
        self._signature, self._has_complained = signature, False
        self._open()
        return True

    def _open(self) -> None:
        self._lookup, self.is_ready = _nowhere, False
        if self._path is None or self._signature is None:
            return
        try:
            with _copy_of_our_own(self._path) as copy:
                lookup = self._lookup_for(copy)
        except Exception as problem:  # whatever a broken file does, visitors are counted
            log.warning("The place database %s cannot be read, so visitors have no place: %s", self._path.name, problem)
            return
        self._lookup, self.is_ready = lru_cache(CACHED_ADDRESSES)(self._guarded(lookup)), True

    def _lookup_for(self, path: Path) -> Lookup:
        """geoip2 for the nested schema of MaxMind and DB-IP's own files, maxminddb for flat ones."""
        with maxminddb.open_database(path) as probe:
            kind = probe.metadata().database_type
        if "City" in kind or "Enterprise" in kind or "Country" in kind:
            reader = geoip2.database.Reader(path, locales=["en"])
            ask = reader.city if "City" in kind else reader.enterprise if "Enterprise" in kind else reader.country
            return lambda address: self._from_nested(ask(address))
        flat = maxminddb.open_database(path)
        return lambda address: self._from_flat(flat.get(address))

    def _guarded(self, lookup: Lookup) -> Lookup:
        def place(address: str) -> Place:
            try:
                return lookup(address)
            except (geoip2.errors.AddressNotFoundError, ValueError):
                return NOWHERE  # a hole in the database, or IPv6 in a file of IPv4
            except Exception as problem:
                if not self._has_complained:
                    self._has_complained = True
                    log.warning("A place could not be read from the database: %s", type(problem).__name__)
                return NOWHERE

        return place

    def _from_nested(self, answer: Any) -> Place:
        country = _code(answer.country.iso_code)
        subdivisions = getattr(answer, "subdivisions", ())
        largest = subdivisions[0] if subdivisions else None
        city = getattr(answer, "city", None)
        return Place(
            country,
            self._region(country, largest.name, largest.iso_code) if largest else None,
            _name(city.name) if city else None,
        )

    def _from_flat(self, answer: Any) -> Place:
        if not isinstance(answer, dict):
            return NOWHERE
        country = _code(answer.get("country_code"))
        return Place(country, self._region(country, answer.get("state1"), None), _name(answer.get("city")))

    def _region(self, country: str | None, name: Any, code: Any) -> str | None:
        """By its name in our alias table, else by the database's own ISO code, else the name as it stands."""
        name = _name(name)
        if not country:
            return None
        if name and (known := self._aliases.get(country, {}).get(name)):
            return known
        return f"{country}-{code}" if code else name


def _nowhere(address: str) -> Place:
    return NOWHERE


@contextmanager
def _copy_of_our_own(path: Path) -> Iterator[Path]:
    """A copy that only we can reach, once it is open. To read a mapped file that somebody cuts short ends the process.

    It takes the room of the file, without a name; where there is no room, the file itself has to do.
    """
    copy = _copied(path, path.parent) or _copied(path, Path(tempfile.gettempdir()))
    try:
        yield copy or path
    finally:
        if copy:
            copy.unlink()


def _copied(path: Path, folder: Path) -> Path | None:
    try:
        handle, name = tempfile.mkstemp(prefix=SCRATCH, dir=folder)
        os.close(handle)
    except OSError:
        return None
    try:
        shutil.copyfile(path, name)
        return Path(name)
    except OSError:
        Path(name).unlink()
        return None


def _signature(path: Path | None) -> tuple[int, ...] | None:
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def _code(value: Any) -> str | None:
    is_code = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return value.upper() if is_code else None


def _name(value: Any) -> str | None:
    return (value.strip()[:200] or None) if isinstance(value, str) else None
