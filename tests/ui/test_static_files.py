from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import brotli
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from proprium.ui.http.asset_urls import ASSETS, asset_url
from proprium.ui.http.static_files import (
    IMMUTABLE_CACHE_CONTROL,
    CompressedStaticFiles,
    accepted_encodings,
    is_immutable,
)

SCRIPT = "const answer = 42; // " + "long enough to be worth it " * 40
BUNDLE = "plotly.0123456789ab.js"


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    for folder in ("build", "css", "img", "fonts", "js/node_modules/x", "secret"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "build" / BUNDLE).write_text(SCRIPT)
    (tmp_path / "build" / f"{BUNDLE}.br").write_bytes(brotli.compress(b"made by the build"))
    (tmp_path / "build" / f"{BUNDLE}.gz").write_bytes(gzip.compress(b"made by the build"))
    (tmp_path / "build" / "manifest.json").write_text("{}")
    (tmp_path / "css" / "look.css").write_text("body { color: red } " * 50)
    (tmp_path / "fonts" / "inter.woff2").write_bytes(b"\x00" * 100)
    (tmp_path / "js" / "node_modules" / "x" / "index.js").write_text("1")
    (tmp_path / "secret" / "key.txt").write_text("hunter2")
    return tmp_path


@pytest.fixture
async def client(assets: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Mount("/assets", CompressedStaticFiles(directory=assets))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_the_bundle_is_sent_precompressed_and_immutable(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/assets/build/{BUNDLE}", headers={"accept-encoding": "gzip, deflate, br"})
    assert answer.headers["content-encoding"] == "br"
    assert answer.text == "made by the build"
    assert answer.headers["cache-control"] == IMMUTABLE_CACHE_CONTROL
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "encoding"), [("gzip", "gzip"), ("br;q=0, gzip;q=1.0", "gzip"), ("identity", None), ("", None)]
)
async def test_the_encoding_is_one_that_the_browser_accepts(
    client: httpx.AsyncClient, accept: str, encoding: str | None
) -> None:
    answer = await client.get(f"/assets/build/{BUNDLE}", headers={"accept-encoding": accept})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.text == ("made by the build" if encoding else SCRIPT)


async def test_a_file_without_a_hash_is_revalidated(client: httpx.AsyncClient) -> None:
    first = await client.get("/assets/css/look.css")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-encoding"] == "br"
    second = await client.get("/assets/css/look.css", headers={"if-none-match": first.headers["etag"]})
    assert second.status_code == 304
    assert second.content == b""


async def test_a_changed_file_is_sent_again(client: httpx.AsyncClient, assets: Path) -> None:
    etag = (await client.get("/assets/css/look.css")).headers["etag"]
    (assets / "css" / "look.css").write_text("body { color: blue } " * 50)
    answer = await client.get("/assets/css/look.css", headers={"if-none-match": etag})
    assert answer.status_code == 200
    assert "blue" in answer.text


async def test_a_url_with_its_hash_is_immutable(client: httpx.AsyncClient) -> None:
    assert (await client.get("/assets/css/look.css?v=0123456789ab")).headers["cache-control"] == IMMUTABLE_CACHE_CONTROL


async def test_fonts_are_not_compressed_twice(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/fonts/inter.woff2")
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "font/woff2"


@pytest.mark.parametrize(
    "path",
    [
        "secret/key.txt",
        "../conftest.py",
        "%2e%2e/conftest.py",
        "css/../secret/key.txt",
        "css/%2e%2e/secret/key.txt",
        "js/node_modules/x/index.js",
        f"build/{BUNDLE}.br",
        "css",
        "css/nothing.css",
    ],
)
async def test_other_files_are_not_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/assets/{path}")).status_code == 404


def test_only_hashed_names_are_immutable() -> None:
    assert is_immutable("build/plotly.report.0123456789ab.js")
    assert is_immutable("css/look.css", b"v=0123")
    assert not is_immutable("build/manifest.json")
    assert not is_immutable("build/plotly.js")
    assert not is_immutable("css/look.css")


def test_encodings_are_read_as_browsers_write_them() -> None:
    assert accepted_encodings("gzip, deflate, br, zstd") == ["br", "gzip"]
    assert accepted_encodings("GZIP;q=0.5") == ["gzip"]
    assert accepted_encodings("gzip; q=0.0, *") == []


def test_an_asset_s_address_changes_with_its_content() -> None:
    url = asset_url("img/logo.svg")
    assert url.startswith("/assets/img/logo.svg?v=")
    assert (ASSETS / "img" / "logo.svg").is_file()
