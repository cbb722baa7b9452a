"""Addresses of what browsers load: the slim chart bundle, committed assets by their hash, flags, maps."""

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

ASSETS_PATH = "/assets"  # where app.py mounts StaticCompressed(ASSETS)

# What NiceGUI's chart element imports; the override is internal to NiceGUI, which is why its version is exact.
CHART_IMPORT_NAME = "nicegui-plotly"


def bundle_url() -> str | None:
    """The slim chart bundle's address; None when nobody built it and NiceGUI's stock bundle serves."""
    bundle_file = built_file("plotly.js")
    return f"{ASSETS_PATH}/build/{bundle_file.name}" if bundle_file else None


def install_chart_bundle() -> bool:
    """Let every chart element import the slim bundle. False when there is none."""
    if url := bundle_url():
        register_importmap_override(CHART_IMPORT_NAME, url)
        return True
    return False


def preload_html(atlas: Atlas) -> str:
    """Head lines for a page with a map: chart bundle and world are fetched while NiceGUI itself still loads."""
    bundle = f'<link rel="modulepreload" href="{url}">' if (url := bundle_url()) else ""
    return f'{bundle}<link rel="preload" as="fetch" crossorigin href="{world_url(atlas)}">'


def world_url(atlas: Atlas) -> str:
    return f"/maps/world.json?v={atlas.version}"


def regions_url(atlas: Atlas, country: str) -> str:
    """Of a country that `atlas.has_regions`."""
    return f"/maps/regions/{country}.json?v={atlas.version}"


@cache
def asset_url(path: str) -> str:
    """The address of a committed file ("css/proprium.css"), with its hash, so that browsers may keep it for good."""
    digest = hashlib.sha256((ASSETS / path).read_bytes()).hexdigest()[:12]
    return f"{ASSETS_PATH}/{path}?v={digest}"


@cache
def flag_url(country: str | None) -> str | None:
    """The flag of an alpha-2 code; None where there is none to show."""
    is_country_code = country is not None and len(country) == 2 and country.isalpha() and country.isupper()
    path = f"img/flags/{country}.svg"
    return asset_url(path) if is_country_code and (ASSETS / path).is_file() else None
