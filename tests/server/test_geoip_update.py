"""The GeoIP download, from servers that work and from servers that fail."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import maxminddb
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from proprium.config import Settings
from proprium.errors import OperatorError
from proprium.server import geoip_update

NOW = datetime(2026, 1, 15, tzinfo=UTC)
THIS_MONTH, BEFORE, BEFORE_THAT = (f"/dbip-city-lite-{month}.mmdb.gz" for month in ("2026-01", "2025-12", "2025-11"))


class Server:
    """Serves the responses that a test sets, else 404; records the requested paths."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.requested_paths: list[str] = []
        self.may_answer = Event()
        self.may_answer.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requested_paths.append(self.path)
                server.may_answer.wait(20)
                status, body = server.answers.get(self.path, (404, b"no such month"))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.may_answer.set()
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A place database as DB-IP writes it, with one network."""
    file = tmp_path_factory.mktemp("mmdb") / "places.mmdb"
    writer = MMDBWriter(4, "DBIP-City-Lite", languages=["en"])
    writer.insert_network(IPSet(["127.0.0.0/8"]), {"country": {"iso_code": "DE", "names": {"en": "Germany"}}})
    writer.to_db_file(str(file))
    return file.read_bytes()


@pytest.fixture
def refresh(server: Server, tmp_path: Path) -> Callable[..., Path | None]:
    settings = Settings(data_dir=tmp_path / "data", _env_file=None)  # type: ignore[call-arg]
    return lambda **options: geoip_update.refresh(settings, NOW, **{"base_url": server.url, "timeout_s": 20, **options})


def country_of(file: Path, address: str = "127.0.0.1") -> str:
    with maxminddb.open_database(file) as reader:
        return reader.get(address)["country"]["iso_code"]  # type: ignore[index,call-overload,return-value]


def test_the_file_of_this_month_is_downloaded(server, refresh, places):
    server.answers[THIS_MONTH] = (200, gzip.compress(places))
    file = refresh()
    assert country_of(file) == "DE"
    assert file.stat().st_mode & 0o077 == 0, "whatever stands in the data folder is private"
    assert server.requested_paths == [THIS_MONTH]


def test_a_missing_month_falls_back_to_the_one_before(server, refresh, places):
    server.answers[BEFORE] = (200, gzip.compress(places))
    assert country_of(refresh()) == "DE"
    assert server.requested_paths == [THIS_MONTH, BEFORE]


def test_three_months_are_tried_and_no_more(server, refresh):
    with pytest.raises(OperatorError, match="2025-11: the server answered 404"):
        refresh()
    assert server.requested_paths == [THIS_MONTH, BEFORE, BEFORE_THAT]


def test_a_fresh_file_is_left_alone_unless_forced(server, refresh, places):
    server.answers[THIS_MONTH] = (200, gzip.compress(places))
    file = refresh()
    os.utime(file, (NOW.timestamp(), NOW.timestamp() - 29 * 86_400))
    assert refresh() is None
    assert refresh(force=True) == file
    assert len(server.requested_paths) == 2


def test_a_file_of_more_than_thirty_days_is_renewed(server, refresh, places):
    server.answers[THIS_MONTH] = (200, gzip.compress(places))
    file = refresh()
    os.utime(file, (NOW.timestamp(), NOW.timestamp() - 31 * 86_400))
    assert refresh() == file


@pytest.mark.parametrize(
    ("status", "spoil", "why"),
    [
        (500, lambda packed: packed, "answered 500"),
        (200, lambda packed: packed[: len(packed) // 2], "download is incomplete"),
        (200, lambda _: b"<!doctype html><title>Please accept</title>", "not a gzip file"),
        (200, lambda _: gzip.compress(b"<!doctype html>" * 100), "not a GeoIP database"),
        (200, lambda packed: gzip.compress(gzip.decompress(packed)[:-40]), "not a GeoIP database"),
        (200, lambda _: b"", "download is incomplete"),
    ],
    ids=["error", "truncated", "html", "packed html", "cut before packing", "empty"],
)
def test_an_invalid_download_never_replaces_the_database(server, refresh, places, status, spoil, why):
    server.answers[THIS_MONTH] = (200, gzip.compress(places))
    file = refresh()
    for month in (THIS_MONTH, BEFORE, BEFORE_THAT):
        server.answers[month] = (status, spoil(gzip.compress(places)))
    with pytest.raises(OperatorError, match=why):
        refresh(force=True)
    assert country_of(file) == "DE"
    assert [left.name for left in file.parent.iterdir()] == [file.name]


def test_a_database_without_locations_is_rejected(server, refresh, tmp_path):
    writer = MMDBWriter(4, "DBIP-ASN-Lite")
    writer.insert_network(IPSet(["127.0.0.0/8"]), {"autonomous_system_number": 1})
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    server.answers[THIS_MONTH] = (200, gzip.compress((tmp_path / "asn.mmdb").read_bytes()))
    with pytest.raises(OperatorError, match="no location records"):
        refresh()


def test_a_server_that_hangs_is_tried_once(server, refresh):
    server.may_answer.clear()
    with pytest.raises(OperatorError, match="could not be downloaded"):
        refresh(timeout_s=0.3)
    assert server.requested_paths == [THIS_MONTH]


def test_an_unreachable_server_is_one_error_message(server, refresh):
    server.close()
    with pytest.raises(OperatorError, match="could not be downloaded"):
        refresh()


def test_a_file_of_the_operators_own_is_never_overwritten(server, tmp_path, places):
    own = tmp_path / "own.mmdb"
    own.write_bytes(places)
    os.utime(own, (0, 0))
    with pytest.raises(OperatorError, match="update yourself"):
        geoip_update.refresh(Settings(geoip_path=own, data_dir=tmp_path), NOW, force=True, base_url=server.url)
    assert server.requested_paths == []
    assert own.stat().st_mtime == 0


def test_temporary_files_of_a_killed_update_are_deleted(server, refresh, places, tmp_path):
    (tmp_path / "data").mkdir()
    left_over = tmp_path / "data" / ".geoip-killed"
    left_over.write_bytes(b"half")
    os.utime(left_over, (0, time.time() - 86_400))
    server.answers[THIS_MONTH] = (200, gzip.compress(places))
    refresh()
    assert not left_over.exists()
