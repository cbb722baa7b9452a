"""The recipes of CONTRIBUTING.md, each carried out in a copy of the tree: what it promises appears everywhere.

A stored column and an engine are in tests/storage/test_stored_columns.py and tests/warehouse/test_engine.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CATALOG = "proprium/metrics/catalog"
NEW_METRIC = """
    CLICKS_PER_VIEW = MetricSpec(
        key="clicks_per_view",
        title=N_("Clicks per view"),
        definition=N_("Clicks divided by page views."),
        unit=Unit.RATIO,
        formula=Ratio(facts.CLICKS, facts.PAGE_VIEWS),
    )
"""
NEW_DIMENSION = """
    LOCALE = DimensionSpec(
        key="locale",
        title=N_("Locale"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=func.upper(session.c.language, type_=Text),
        report_name="Locales",
        list_title=N_("Locales"),
    )
"""
NEW_SCHEMA = '''class Bots(QueryResponse):
    """Bot hits of a period."""

    bots: int = Field(description="Hits of bots.")


class Live('''
NEW_SERIALIZER = """def serialize_bots(measured_totals: MeasuredTotals) -> schemas.Bots:
    bots = measured_totals.totals.bots
    return schemas.Bots(**response_fields(measured_totals.query, measured_totals.cost), bots=bots)


def serialize_live("""
NEW_ROUTE = """    options = _openapi_options("bots", "Bots", schemas.Bots, METRICS_PARAMETERS)

    @router.get("/{property_id}/bots", **options)
    async def bots(request: Request) -> Response:
        def handle(property_: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            query = queries.query_of(warehouse, property_, pairs, now, data_access)
            return serializers.serialize_bots(queries.totals(warehouse, query))

        return await respond(request, METRICS_PARAMETERS, handle)

    return router


def _openapi"""
RECIPES: dict[str, dict[str, tuple[str, str]]] = {
    "metric": {
        f"{CATALOG}/metrics.py": ("\n    CONVERSIONS = MetricSpec(", NEW_METRIC + "    CONVERSIONS = MetricSpec(")
    },
    "dimension": {
        f"{CATALOG}/dimensions.py": ("\n    EVENT = DimensionSpec(", NEW_DIMENSION + "    EVENT = DimensionSpec("),
    },
    "ranked tile": {
        "proprium/ui/dashboard/tiles.py": (
            '        Tab(\n            "languages",',
            '        Tab("locales", N_("Locale"), D.LOCALE, NO_VISITS_TEXT),\n        Tab(\n            "languages",',
        ),
    },
    "endpoint": {
        "proprium/serialization/schemas.py": ("class Live(", NEW_SCHEMA),
        "proprium/serialization/serializers.py": ("def serialize_live(", NEW_SERIALIZER),
        "proprium/api/metrics_routes.py": ("    return router\n\n\ndef _openapi", NEW_ROUTE),
    },
}
"""By recipe: the text of each file that it changes, before and after."""

IMPORTS = {
    f"{CATALOG}/dimensions.py": (
        "from enum import StrEnum\n",
        "from enum import StrEnum\n\nfrom sqlalchemy import Text, func\n",
    )
}

TESTS_IN_THE_COPY = """
import csv, io, zipfile
import proprium
from proprium.figures import numbers
from proprium.metrics.results import Dimension, Metric
from proprium.reports.renderer import ReportFormat
from proprium.ui.dashboard.table_columns import dimension_choices, possible_columns
from proprium.ui.dashboard.tiles import TILES
from tests.api.conftest import Past, year, past, collector_parts, app
from tests.api.test_metrics_routes import page, report

METRIC = Metric("clicks_per_view")


def test_the_copy_is_tested() -> None:
    assert "COPY" in proprium.__file__


async def test_a_metric_is_on_cards_charts_tables_csv_api_and_reports(past: Past) -> None:
    shown = page(past, "period=12mo")
    value = shown.totals.clicks / shown.totals.page_views
    assert value and shown.totals.value(METRIC) == value
    assert "Clicks per view" in numbers.METRIC_TITLES[METRIC]
    series = shown.timelines[METRIC]
    assert len(series.values) == len(shown.timelines[Metric.VISITORS].values) and any(series.values)
    body = await past.json("/totals", "period=12mo&metric=clicks_per_view")
    assert body["metrics"]["clicks_per_view"]["value"] == value
    assert body["definitions"]["clicks_per_view"] == "Clicks divided by page views."
    rows = (await past.json("/breakdown/browser", "period=12mo&metric=clicks_per_view&sort=clicks_per_view"))["rows"]
    ratios = [row["numbers"]["clicks_per_view"] for row in rows]
    assert ratios == sorted(ratios, reverse=True) and ratios[0]
    assert METRIC in possible_columns("page", has_goals=False)
    markdown = (await report(past, "period=12mo", ReportFormat.MARKDOWN)).decode()
    assert f"| Clicks per view | {value:.2f} |" in markdown
    with zipfile.ZipFile(io.BytesIO(await report(past, "period=12mo", ReportFormat.CSV))) as archive:
        tables = {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}
    assert any("clicks_per_view" in text for text in tables.values()), list(tables)


async def test_a_dimension_is_in_filters_tables_csv_api_and_reports(past: Past) -> None:
    body = await past.json("/breakdown/locale", "period=12mo")
    first = body["rows"][0]
    assert first["value"] == first["value"].upper() and first["numbers"]["visitors"] > 0
    filtered = await past.json("/totals", f"period=12mo&filter=locale:is:{first['value']}&metric=visitors")
    assert filtered["metrics"]["visitors"]["value"] == first["numbers"]["visitors"]
    assert dimension_choices()["locale"] == "Locale"
    assert "## Locales" in (await report(past, "period=12mo", ReportFormat.MARKDOWN)).decode()
    with zipfile.ZipFile(io.BytesIO(await report(past, "period=12mo", ReportFormat.CSV))) as archive:
        assert any("locales" in name.lower() for name in archive.namelist())


def test_a_list_is_on_its_tile(past: Past) -> None:
    [tab] = [tab for tile in TILES for tab in tile.tabs if tab.key == "locales"]
    listed = page(past, "period=12mo").breakdowns[Dimension("locale")]
    assert tab.dimension == "locale" and listed.rows[0].count > 0


async def test_an_endpoint_answers_and_is_documented(past: Past) -> None:
    assert (await past.json("/bots", "period=12mo"))["bots"] == page(past, "period=12mo").totals.bots > 0
    paths = (await past.client.get("/api/v1/openapi.json")).json()["paths"]
    assert "/properties/{property_id}/bots" in " ".join(paths)
"""


def recipe_text(name: str) -> str:
    """Returns a recipe of CONTRIBUTING.md: the list entry that begins with its name."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    match = re.search(rf"^- \*\*An? {name}\*\*.*?(?=^- \*\*|^## )", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert match, f"CONTRIBUTING.md has no recipe for a new {name}"
    return match.group()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_each_file_that_it_changes(name: str) -> None:
    assert [path for path in RECIPES[name] if f"`{path}`" not in recipe_text(name)] == []


def test_a_metric_costs_one_file_a_dimension_with_its_list_two_and_an_endpoint_three() -> None:
    dimension = {**RECIPES["dimension"], **RECIPES["ranked tile"]}
    assert (len(RECIPES["metric"]), len(dimension), len(RECIPES["endpoint"])) == (1, 2, 3)


def test_what_the_recipes_add_appears_everywhere(tmp_path: Path) -> None:
    copy = tmp_path / "COPY"
    for name in ("proprium", "collector", "maps", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "bench"))
    shutil.copy2(ROOT / "pyproject.toml", copy)
    shutil.copy2(ROOT / "CHANGELOG.md", copy)
    (copy / "assets").symlink_to(ROOT / "assets")
    changes = [item for recipe in RECIPES.values() for item in recipe.items()]
    for name, (before, after) in [*IMPORTS.items(), *changes]:
        text = (copy / name).read_text()
        assert text.count(before) == 1, (name, before)
        (copy / name).write_text(text.replace(before, after))
    (copy / "tests/api/test_recipes.py").write_text(TESTS_IN_THE_COPY)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "tests/api/test_recipes.py",
    ]
    result = subprocess.run(
        command,
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert "5 passed" in result.stdout
