"""Card: a picture of a dashboard's numbers and chart, which other sites show with a link to it (Open Graph)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from proprium.config import ASSETS
from proprium.figures import numbers
from proprium.figures.wording import period_text
from proprium.i18n import gettext as _
from proprium.metrics.definitions import title as metric_title
from proprium.metrics.results import Dashboard, Metric
from proprium.reports.chromium import picture_of_html
from proprium.reports.html import embedded_fonts

WIDTH_PX, HEIGHT_PX = 1200, 630  # what sites expect of an Open Graph picture
CHART_HEIGHT_PX = 250
CARD_METRICS = (Metric.VISITORS, Metric.SESSIONS, Metric.PAGE_VIEWS, Metric.BOUNCE_RATE)


@dataclass(frozen=True)
class _Number:
    label: str
    value: str


async def card_picture(dashboard: Dashboard, name: str, chromium: str = "") -> bytes:
    """Renders the picture as PNG; callers hold a slot of the report queue. Raises ChromiumMissing and PrintFailed."""
    return await picture_of_html(card_html(dashboard, name), WIDTH_PX, HEIGHT_PX, chromium)


def card_html(dashboard: Dashboard, name: str) -> str:
    """Renders the picture's HTML; `name` is that of the property."""
    totals, period = dashboard.totals, dashboard.query.period
    label = period_text(period)
    line = _line(dashboard.timelines[Metric.VISITORS].values)
    return _template().render(
        language="en",
        name=name,
        period=label if label == period.dates else _("{period} · {dates}", period=label, dates=period.dates),
        cards=[
            _Number(metric_title(metric, totals), numbers.format_metric(metric, totals.value(metric)))
            for metric in CARD_METRICS
        ],
        line=Markup(line),
        area=Markup(f"{line} L{WIDTH_PX},{CHART_HEIGHT_PX} L0,{CHART_HEIGHT_PX} Z" if line else ""),
        fonts=embedded_fonts(),
        logo=Markup((ASSETS / "img" / "logo.svg").read_text("utf-8")),
        width=WIDTH_PX,
        height=HEIGHT_PX,
        chart_height=CHART_HEIGHT_PX,
    )


def _line(values: tuple[float | None, ...] | tuple[int, ...]) -> str:
    """Returns the SVG path of a line over the whole width; "" with fewer than two values."""
    counts = [value or 0 for value in values]
    if len(counts) < 2:
        return ""
    largest, step = max(counts) or 1, WIDTH_PX / (len(counts) - 1)
    top, bottom = 12, CHART_HEIGHT_PX - 12
    points = (
        f"{index * step:.1f},{bottom - (bottom - top) * count / largest:.1f}" for index, count in enumerate(counts)
    )
    return "M" + " L".join(points)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    return environment.get_template("card.html")
