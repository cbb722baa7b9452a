"""A page with a chart and a map, served for tests: `python -m tests.ui.map_page PORT slim|stock`."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Response
from nicegui import ui

from proprium.figures.template import Look
from proprium.figures.timeline import timeline
from proprium.metrics.query.period import Interval
from proprium.metrics.results import Dimension, Metric
from proprium.ui.components.choropleth import Choropleth
from proprium.ui.http import asset_urls
from proprium.ui.http.static_files import CompressedStaticFiles
from tests.support.dashboards import ATLAS, REGIONS, a_breakdown, a_series


def build(*, slim: bool) -> FastAPI:
    app = FastAPI()
    app.mount(asset_urls.ASSETS_PATH, CompressedStaticFiles(directory=asset_urls.ASSETS))
    app.get("/maps/world.json")(lambda: Response(ATLAS.world_bytes(), media_type="application/json"))
    app.get("/maps/regions/{country}.json")(_regions)
    if slim:
        asset_urls.install_chart_bundle()
    ui.page("/")(_page)
    ui.run_with(app, show_welcome_message=False)
    return app


def _regions(country: str) -> Response:
    return Response(ATLAS.regions_bytes(country), media_type="application/json")


def _page() -> None:
    ui.plotly(timeline(a_series(), None, Metric.VISITORS, Look.LIGHT, Interval.DAY)).classes("w-full")
    picked = ui.label("nothing")
    picked.props('id="picked"')
    shown = Choropleth(ATLAS, on_pick=lambda place: picked.set_text(f"picked {place}"))
    shown.style("width: 700px; height: 340px")

    def world(*countries: str) -> None:
        shown.show_world(a_breakdown(Dimension.COUNTRY, countries), Look.LIGHT)

    ui.button("first", on_click=lambda: world("US", "SG"))
    ui.button("more", on_click=lambda: world("US", "SG", "BR"))
    ui.button("germany", on_click=lambda: shown.show_regions(a_breakdown(Dimension.REGION, REGIONS), "DE", Look.LIGHT))


if __name__ == "__main__":
    uvicorn.run(build(slim=sys.argv[2] == "slim"), port=int(sys.argv[1]), log_level="warning")
