"""Where the browser's files are: the built chart bundle when there is one, the stock one when there is not."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from nicegui.dependencies import register_importmap_override
from plotly.offline import get_plotlyjs

ASSETS = Path(__file__).resolve().parents[2] / "assets"
URL = "/assets"  # where app.py mounts StaticCompressed(ASSETS)

# What NiceGUI's chart element imports; the override is internal to NiceGUI, which is why its version is exact.
IMPORT_NAME = "nicegui-plotly"


def bundle_url() -> str | None:
    """The slim chart bundle's address; None when nobody built it and NiceGUI's stock bundle serves."""
    built = built_file("plotly.js")
    return f"{URL}/build/{built.name}" if built else None


def install_override() -> bool:
    """Let every chart element import the slim bundle. False when there is none."""
    if url := bundle_url():
        register_importmap_override(IMPORT_NAME, url)
        return True
    return False


def report_script() -> str:
    """plotly.js as a plain script that sets `Plotly`, for a report that stands alone; 1.5 MB, or 4.8 MB unbuilt."""
    built = built_file("plotly.report.js")
    return built.read_text("utf-8") if built else get_plotlyjs()


def built_file(name: str) -> Path | None:
    """The build's output of that name ("plotly.js", "plotly.report.js", "collector.js"), or None."""
    entry = _manifest(ASSETS).get(name)
    return ASSETS / "build" / entry["file"] if entry else None


@cache
def asset_url(path: str) -> str:
    """The address of a committed file ("css/proprium.css"), with its hash, so that browsers may keep it forever."""
    digest = hashlib.sha256((ASSETS / path).read_bytes()).hexdigest()[:12]
    return f"{URL}/{path}?v={digest}"


@cache
def flag_url(country: str | None) -> str | None:
    """The flag of an alpha-2 code; None where there is none to show."""
    path = f"img/flags/{country}.svg"
    known = country is not None and len(country) == 2 and country.isalpha() and (ASSETS / path).is_file()
    return asset_url(path) if known else None


@cache
def _manifest(assets: Path) -> dict[str, dict[str, str]]:
    path = assets / "build" / "manifest.json"
    if not path.is_file():
        return {}
    manifest: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return {name: entry for name, entry in manifest.items() if (path.parent / entry["file"]).is_file()}
