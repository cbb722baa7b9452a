from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from maps import build
from maps.atlas import DATA, Atlas
from maps.codes import CodeTable
from maps.source import SourceError, read_geopackage


@pytest.fixture(scope="session")
def _mapshaper() -> None:
    try:
        build.mapshaper("--version")
    except (SourceError, OSError) as problem:
        pytest.skip(f"mapshaper cannot be fetched here: {problem}")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.usefixtures("_mapshaper")
def test_a_rebuild_builds_countries_and_regions_from_provinces(
    geopackage: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["--source", str(geopackage), "--out", str(out)]) == 0
    assert "regions to" in capsys.readouterr().out
    atlas = Atlas(out)
    assert set(atlas.world().ids) == {"DE", "SJ"}
    germany = atlas.regions("DE")
    assert germany.names() == {"DE-HE": "Hesse", "DE-BY": "Bavaria", "DE-xnewlandiacity": "New Landia"}
    extent = atlas.extent("DE")
    assert (extent.west, extent.east) == (pytest.approx(8, abs=0.01), pytest.approx(14, abs=0.01))
    assert not atlas.has_regions("SJ")
    assert atlas.points["SJ"].lon == pytest.approx(17)


@pytest.mark.usefixtures("_mapshaper")
def test_a_border_between_two_regions_is_stored_once(geojson: Path, out: Path) -> None:
    build.main(["--source", str(geojson), "--out", str(out)])
    topology = json.loads((out / "regions" / "DE.json").read_text())
    arcs = [arc for shape in topology["objects"]["r"]["geometries"] for arc in _indexes(shape["arcs"])]
    assert any(~arc in arcs for arc in arcs)


def _indexes(arcs: object) -> Iterator[int]:
    if isinstance(arcs, int):
        yield arcs
    elif isinstance(arcs, list):
        for inner in arcs:
            yield from _indexes(inner)


def test_a_failed_build_keeps_the_old_maps(
    geopackage: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: str) -> None:
        raise SourceError("mapshaper failed: no room left")

    out.mkdir()
    (out / "world.json").write_text("old")
    monkeypatch.setattr(build, "mapshaper", fail)
    assert build.main(["--source", str(geopackage), "--out", str(out)]) == 1
    assert "existing files unchanged: mapshaper failed: no room left" in capsys.readouterr().err
    assert (out / "world.json").read_text() == "old"


def test_a_map_that_lost_a_country_is_rejected(geopackage: Path, tmp_path: Path) -> None:
    coded = build.assign_codes(read_geopackage(geopackage), CodeTable.read(DATA / "provinces.csv"))
    for name in ("world.json", "regions/DE.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"type": "Topology", "arcs": [], "objects": {"c": {"geometries": []}}}')
    with pytest.raises(SourceError, match="lost these codes: DE, DE-BY, DE-HE, DE-xnewlandiacity, SJ"):
        build.check_complete(tmp_path, coded)


def test_a_missing_file_is_reported_in_one_sentence(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--source", "/nowhere/x.gpkg", "--out", str(out)]) == 1
    assert "File not found: /nowhere/x.gpkg" in capsys.readouterr().err


def test_source_or_download_is_required() -> None:
    with pytest.raises(SystemExit):
        build.main([])


def test_a_download_uses_its_url(tmp_path: Path) -> None:
    (tmp_path / "ne.zip").write_bytes(b"PK provinces")
    with _served(tmp_path) as address:
        path = build.download(f"{address}/ne.zip", tmp_path)
    assert path.read_bytes() == b"PK provinces"


def test_a_missing_download_leaves_the_old_maps(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _served(tmp_path) as address:
        assert build.main(["--download", "--url", f"{address}/gone.zip", "--out", str(out)]) == 1
    assert "404" in capsys.readouterr().err


class _served:
    """The folder over HTTP while the block runs."""

    def __init__(self, folder: Path) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object, **options: object) -> None:
                super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
