"""URLs of static assets: the chart bundle, files with a content hash (cache busting), flags, map geometry."""

from __future__ import annotations

import hashlib
from functools import cache

from nicegui.dependencies import register_importmap_override

from maps.atlas import Atlas
from proprium.config import ASSETS
from proprium.figures.bundle import built_file, report_script

__all__ = [
    "ASSETS",
    "ASSETS_PATH",
    "asset_url",
    "built_file",
    "bundle_url",
    "flag_url",
    "install_chart_bundle",
    "report_script",
]

ASSETS_PATH = "/assets"  # where ui.app mounts CompressedStaticFiles

# Module imported by NiceGUI's chart element; the override is internal to NiceGUI, whose version is pinned exactly.
CHART_IMPORT_NAME = "nicegui-plotly"


def bundle_url() -> str | None:
    """Returns the URL of the slim chart bundle.

    Returns None if it was not built, and NiceGUI's full bundle is used.
    """
    bundle_file = built_file("plotly.js")
    return f"{ASSETS_PATH}/build/{bundle_file.name}" if bundle_file else None


def install_chart_bundle() -> bool:
    """Makes every chart element import the slim bundle.

    Returns False if it was not built.
    """
    if url := bundle_url():
        register_importmap_override(CHART_IMPORT_NAME, url)
        return True
    return False


def preload_html(atlas: Atlas) -> str:
    """Returns preload links for a page with a map: chart bundle and world map load in parallel with NiceGUI."""
    bundle = f'<link rel="modulepreload" href="{url}">' if (url := bundle_url()) else ""
    return f'{bundle}<link rel="preload" as="fetch" crossorigin href="{world_url(atlas)}">'


def world_url(atlas: Atlas) -> str:
    return f"/maps/world.json?v={atlas.version}"


def regions_url(atlas: Atlas, country: str) -> str:
    """Returns the URL of a country's region map; requires `atlas.has_regions(country)`."""
    return f"/maps/regions/{country}.json?v={atlas.version}"


@cache
def asset_url(path: str) -> str:
    """Returns the URL of a file in assets/ ("css/proprium.css") with its hash, which browsers may cache forever."""
    digest = hashlib.sha256((ASSETS / path).read_bytes()).hexdigest()[:12]
    return f"{ASSETS_PATH}/{path}?v={digest}"


@cache
def flag_url(country: str | None) -> str | None:
    """Returns the flag's URL for an alpha-2 country code.

    Returns None if there is no flag.
    """
    is_country_code = country is not None and len(country) == 2 and country.isalpha() and country.isupper()
    path = f"img/flags/{country}.svg"
    return asset_url(path) if is_country_code and (ASSETS / path).is_file() else None
