"""Renders a report as one self-contained HTML file.

Fonts, chart library, map geometry and data are embedded.
"""

from __future__ import annotations

import base64
import json
import secrets
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from maps.atlas import Atlas
from proprium.config import ASSETS
from proprium.figures import choropleth
from proprium.figures.bundle import report_script
from proprium.figures.template import Figure, Look
from proprium.figures.wording import change_text
from proprium.i18n import gettext, ngettext
from proprium.metrics.results import Dashboard
from proprium.reports.report_model import ReportOptions, build_report_model

CHART_HEIGHT, MAP_HEIGHT, WEEK_HEIGHT = 180, 244, 150
TEXT_WIDTH_PX = 703  # the text column of 186 mm; when printing, the width is not measurable before the charts are drawn

# Static weights: Chromium embeds a variable font into a PDF as drawings of its glyphs.
_FONT_WEIGHTS = (400, 600)
_UNICODE_RANGES = {
    "inter-latin": "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,"
    "U+2000-206F,U+20AC,U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD",
    "inter-latin-ext": "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329,"
    "U+1D00-1DBF,U+1E00-1E9F,U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF",
}


def html(dashboard: Dashboard, options: ReportOptions, atlas: Atlas, *, is_static: bool = False) -> str:
    """Renders the report as HTML. `is_static` is for print: fixed width, no tooltips; else charts are interactive."""
    report = build_report_model(dashboard, options, atlas)
    codes = {row.country for table in report.tables for row in table.rows if row.country}
    flags = {code: ASSETS / "img" / "flags" / f"{code}.svg" for code in codes if code.isalpha() and len(code) == 2}
    topology = atlas.regions(report.country) if report.country else atlas.world()
    colour = Look.PRINT.value.land
    figures = {
        "chart": _with_size(report.chart, CHART_HEIGHT, is_static),
        "map": _with_size(report.map, MAP_HEIGHT, is_static) if report.map else None,
        "week": _with_size(report.week, WEEK_HEIGHT, is_static) if report.week else None,
        "land": {"colorscale": [[0, colour], [1, colour]], "marker": {"line": choropleth.border(Look.PRINT)}},
        "geojson": topology.features(),
        "isStatic": is_static,
    }
    return _template().render(
        report=report,
        language="en",
        change_text=change_text,
        nonce=secrets.token_urlsafe(16),
        paper=options.paper.value,
        page_name=Markup(css_string(f"{options.property_name} · {dashboard.query.period.dates}")),
        fonts=embedded_fonts(),
        logo=Markup((ASSETS / "img" / "logo.svg").read_text("utf-8")),
        flags={
            code: f"data:image/svg+xml;base64,{_read_base64(path)}" for code, path in flags.items() if path.is_file()
        },
        chart_height=CHART_HEIGHT,
        map_height=MAP_HEIGHT,
        week_height=WEEK_HEIGHT,
        plotly=_plotly_script(),
        figures=Markup(json_in_html(figures)),
    )


def json_in_html(value: Any) -> str:
    """Serialises a value as JSON for a script element; <, > and & are escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def css_string(text: str) -> str:
    """Returns the text as a quoted CSS string; everything but ASCII letters and digits is escaped."""
    return '"' + "".join(char if char.isascii() and char.isalnum() else f"\\{ord(char):x} " for char in text) + '"'


def _with_size(figure: Figure, height: int, is_static: bool) -> Figure:
    size = {"height": height, "width": TEXT_WIDTH_PX, "autosize": False} if is_static else {"height": height}
    return {"data": figure["data"], "layout": {**figure["layout"], **size}}


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment.get_template("report.html")


@cache
def _plotly_script() -> Markup:
    return Markup(report_script().replace("</script", "<\\/script").replace("<!--", "<\\!--"))


@cache
def embedded_fonts() -> list[dict[str, Any]]:
    return [
        {
            "weight": weight,
            "base64": Markup(_read_base64(ASSETS / "fonts" / f"{name}-{weight}.woff2")),
            "characters": Markup(characters),
        }
        for name, characters in _UNICODE_RANGES.items()
        for weight in _FONT_WEIGHTS
    ]


@cache
def _read_base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
