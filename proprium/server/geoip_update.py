"""Keeps the free place database fresh: fetched monthly, tried before it is used, swapped in whole."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import httpx
import maxminddb

from proprium.config import Settings
from proprium.errors import ProblemForOperator

log = logging.getLogger(__name__)

BASE_URL = "https://download.db-ip.com/free"
FRESH_FOR = timedelta(days=30)
MONTHS = 3  # this one and the two before: a new month's file appears some days late
READ_TIMEOUT_S = 30.0  # without a byte
DEADLINE_S = 900.0  # for one whole file of about 60 MB
LARGEST_BYTES = 1 << 30  # unpacked; ten times today's
PROBED_RECORDS = 100
SCRATCH = ".geoip-"


class Unusable(Exception):
    """What came is no place database."""


def refresh(
    settings: Settings,
    now: datetime,
    *,
    force: bool = False,
    base_url: str = BASE_URL,
    timeout_s: float = READ_TIMEOUT_S,
) -> Path | None:
    """Fetches DB-IP City Lite into the data folder; None when the file there is under 30 days old (and not `force`).

    Raises ProblemForOperator when it could not be fetched, or when PROPRIUM_GEOIP_PATH names a file of the operator's
    own. The old file stays, and stays readable, until a whole and tried new one takes its name.
    """
    if settings.geoip_path:
        raise ProblemForOperator(
            f"PROPRIUM_GEOIP_PATH names {settings.geoip_path}, which is yours to renew; unset it to have one fetched."
        )
    target = settings.geoip_file
    if not force and _is_fresh(target, now):
        return None
    failures = []
    for month in months(now.date()):
        url = f"{base_url}/dbip-city-lite-{month}.mmdb.gz"
        try:
            _fetch(url, target, timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL, Unusable, OSError) as problem:
            failures.append(f"{month}: {str(problem) or type(problem).__name__}")
            log.info("no place database from %s: %s", url, problem or type(problem).__name__)
            if isinstance(problem, httpx.TransportError):
                break  # the other months are on the same server
        else:
            log.info("place database of %s is in use", month)
            return target
    raise ProblemForOperator(f"DB-IP City Lite could not be fetched ({'; '.join(failures)}). Places stay as they are.")


def months(today: date) -> list[str]:
    """This month and the two before it, as the file names write them."""
    first = today.year * 12 + today.month - 1
    return [f"{number // 12}-{number % 12 + 1:02}" for number in range(first, first - MONTHS, -1)]


def _is_fresh(file: Path, now: datetime) -> bool:
    try:
        return now - datetime.fromtimestamp(file.stat().st_mtime, UTC) < FRESH_FOR
    except FileNotFoundError:
        return False


def _fetch(url: str, target: Path, timeout_s: float) -> None:
    with _scratch_file(target.parent) as scratch:
        with scratch.open("wb") as file:
            for piece in _unpacked(_download(url, timeout_s)):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        _probe(scratch)
        scratch.replace(target)


@contextmanager
def _scratch_file(folder: Path) -> Iterator[Path]:
    """A name in the same folder, so that the swap is one rename; gone afterwards, as are those of a killed process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left_over in folder.glob(f"{SCRATCH}*"):
        if time.time() - left_over.stat().st_mtime > 2 * DEADLINE_S:
            left_over.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=SCRATCH, dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _download(url: str, timeout_s: float) -> Iterator[bytes]:
    deadline = time.monotonic() + DEADLINE_S
    with httpx.stream("GET", url, timeout=timeout_s, follow_redirects=True) as answer:
        if answer.status_code != httpx.codes.OK:
            raise Unusable(f"the server answered {answer.status_code}")
        for piece in answer.iter_raw():
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"not there after {DEADLINE_S:.0f} s")
            yield piece


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)  # gzip only
    size = 0
    for piece in pieces:
        try:
            plain = unpacker.decompress(piece)
        except zlib.error:
            raise Unusable("what came is not a gzip file") from None
        size += len(plain)
        if size > LARGEST_BYTES:
            raise Unusable("what came is too large for a place database")
        yield plain
    if not unpacker.eof:
        raise Unusable("the file ended too early")


def _probe(file: Path) -> None:
    """Opens the file and reads some records, as the collector will. Raises Unusable."""
    try:
        with maxminddb.open_database(file, maxminddb.MODE_FILE) as reader:
            records = [record for _, record in islice(reader, PROBED_RECORDS)]
    except (maxminddb.InvalidDatabaseError, ValueError, OSError) as problem:
        raise Unusable(f"what came is no place database: {problem}") from None
    if not any(isinstance(record, dict) and {"country", "country_code"} & record.keys() for record in records):
        raise Unusable("what came holds no places")
