"""GeoIP database update: downloads DB-IP City Lite monthly, checks it, and replaces the file atomically."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import httpx
import maxminddb

from proprium.config import Settings
from proprium.errors import OperatorError

log = logging.getLogger(__name__)

BASE_URL = "https://download.db-ip.com/free"
MAX_AGE = timedelta(days=30)
MONTH_COUNT = 3  # this month and the two before: a new month's file appears some days late
READ_TIMEOUT_S = 30.0  # without a byte
DOWNLOAD_TIMEOUT_S = 900.0  # for one whole file of about 60 MB
MAX_UNPACKED_BYTES = 1 << 30  # ten times the current size
PROBED_RECORD_COUNT = 100
TEMP_FILE_PREFIX = ".geoip-"


class InvalidDatabase(Exception):
    """The download is not a usable GeoIP database."""


class DownloadFailed(OperatorError):
    """No file could be downloaded; a previous one stays in use."""


def refresh(
    settings: Settings,
    now: datetime,
    *,
    force: bool = False,
    base_url: str = BASE_URL,
    timeout_s: float = READ_TIMEOUT_S,
) -> Path | None:
    """Downloads DB-IP City Lite into the data folder and returns its path.

    Returns None when the file there is under 30 days old (and not `force`). Raises DownloadFailed, or OperatorError
    when PROPRIUM_GEOIP_PATH names a file of the operator's own. The old file stays readable until a complete and
    checked new one replaces it.
    """
    if settings.geoip_path:
        raise OperatorError(
            f"PROPRIUM_GEOIP_PATH is set to {settings.geoip_path}, a file that you update yourself;"
            f" remove the setting to have DB-IP City Lite downloaded."
        )
    target = settings.geoip_file
    with suppress(FileNotFoundError):
        if not force and now - datetime.fromtimestamp(target.stat().st_mtime, UTC) < MAX_AGE:
            return None
    failures = []
    for month in months(now.date()):
        url = f"{base_url}/dbip-city-lite-{month}.mmdb.gz"
        try:
            _fetch(url, target, timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL, InvalidDatabase, OSError) as problem:
            error = str(problem) or type(problem).__name__
            failures.append(f"{month}: {error}")
            log.info("GeoIP download failed", extra={"month": month, "url": url, "error": error})
            if isinstance(problem, httpx.TransportError):
                break  # the other months are on the same server
        else:
            log.info("GeoIP database updated", extra={"month": month})
            return target
    raise DownloadFailed(
        f"DB-IP City Lite could not be downloaded ({'; '.join(failures)}). "
        + ("The previous file stays in use." if target.is_file() else "There is no previous file.")
    )


def months(today: date) -> list[str]:
    """Returns this month and the two before it as "2026-11", newest first, as in the files' names."""
    first_month = today.year * 12 + today.month - 1
    return [
        f"{month_number // 12}-{month_number % 12 + 1:02}"
        for month_number in range(first_month, first_month - MONTH_COUNT, -1)
    ]


def _fetch(url: str, target: Path, timeout_s: float) -> None:
    with _temp_file(target.parent) as temp_file:
        with temp_file.open("wb") as file:
            for chunk in _download(url, timeout_s):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        try:  # to read some records, as the collector will
            with maxminddb.open_database(temp_file, maxminddb.MODE_FILE) as reader:
                records = [record for _, record in islice(reader, PROBED_RECORD_COUNT)]
        except (maxminddb.InvalidDatabaseError, ValueError, OSError) as problem:
            raise InvalidDatabase(f"the download is not a GeoIP database: {problem}") from None
        if not any(isinstance(record, dict) and {"country", "country_code"} & record.keys() for record in records):
            raise InvalidDatabase("the download has no location records")
        temp_file.replace(target)


@contextmanager
def _temp_file(folder: Path) -> Iterator[Path]:
    """Yields a temporary file in the same folder, so that replacing is one rename.

    It is deleted afterwards; files left by a killed process are deleted first.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale_file in folder.glob(f"{TEMP_FILE_PREFIX}*"):
        if time.time() - stale_file.stat().st_mtime > 2 * DOWNLOAD_TIMEOUT_S:
            stale_file.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=TEMP_FILE_PREFIX, dir=folder)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _download(url: str, timeout_s: float) -> Iterator[bytes]:
    """Yields the unpacked bytes of a gzip file. Raises InvalidDatabase, httpx.HTTPError."""
    deadline_s = time.monotonic() + DOWNLOAD_TIMEOUT_S
    decompressor = zlib.decompressobj(wbits=31)  # gzip only
    total_bytes = 0
    with httpx.stream("GET", url, timeout=timeout_s, follow_redirects=True) as response:
        if response.status_code != httpx.codes.OK:
            raise InvalidDatabase(f"the server answered {response.status_code}")
        for chunk in response.iter_raw():
            if time.monotonic() > deadline_s:
                raise httpx.ReadTimeout(f"not complete after {DOWNLOAD_TIMEOUT_S:.0f} s")
            try:
                data = decompressor.decompress(chunk)
            except zlib.error:
                raise InvalidDatabase("the download is not a gzip file") from None
            total_bytes += len(data)
            if total_bytes > MAX_UNPACKED_BYTES:
                raise InvalidDatabase("the download is too large for a GeoIP database")
            yield data
    if not decompressor.eof:
        raise InvalidDatabase("the download is incomplete")
