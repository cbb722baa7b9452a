"""The catalog of metrics and dimensions: each entry is complete, and says the same in SQL as in Python."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import Double, column, select
from sqlalchemy.dialects import postgresql

import proprium
from proprium.metrics.catalog.dimension_spec import TOP_ROWS, Codes, Scope
from proprium.metrics.catalog.dimensions import REPORT_DIMENSIONS, Dimension, spec_of
from proprium.metrics.catalog.facts import Rows
from proprium.metrics.catalog.formulas import Formula
from proprium.metrics.catalog.metrics import Metric, Unit, by_group, cards, facts_of

FACTS = facts_of(tuple(Metric))
ROOT = Path(proprium.__path__[0])
TITLES_OF_OTHER_THINGS = {
    ("ui/dashboard/tiles.py", "Events"),
    ("metrics/query/parts.py", "Events"),
    ("ui/pages/settings.py", "Visitors"),
    ("ui/components/share_links.py", "Visitors"),
}
"""A tile and its name as a part, a section of the settings, and the text of a badge's picture."""


def formulas() -> Iterator[Formula]:
    for metric in Metric:
        yield metric.spec.formula
        if metric.spec.mean is not None:
            yield metric.spec.mean


def test_a_formula_says_the_same_in_sql_as_in_python() -> None:
    choose = random.Random(7)
    rows = [{fact.name: choose.choice((None, 0, choose.randrange(10**6))) for fact in FACTS} for _ in range(300)]
    columns = {fact.name: column(fact.name, Double) for fact in FACTS}
    statement = select(*(formula.sql(columns).label(f"f{index}") for index, formula in enumerate(formulas())))
    sql = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    with duckdb.connect() as connection:
        names = ", ".join(fact.name for fact in FACTS)
        connection.execute(f"CREATE TABLE counted ({names.replace(',', ' DOUBLE,')} DOUBLE)")
        connection.executemany(
            f"INSERT INTO counted VALUES ({', '.join('?' * len(FACTS))})", [[*row.values()] for row in rows]
        )
        computed = connection.execute(f"{sql} FROM counted ORDER BY rowid").fetchall()
    for row, values in zip(rows, computed, strict=True):
        for formula, value in zip(formulas(), values, strict=True):
            expected = formula.value(row)
            assert value == (None if expected is None else pytest.approx(expected, rel=1e-9)), (formula, row)


@pytest.mark.parametrize("metric", Metric)
def test_a_metric_has_a_title_a_definition_a_unit_and_facts(metric: Metric) -> None:
    spec = metric.spec
    assert spec.key == metric.value
    assert spec.title
    assert spec.definition.endswith(".")
    assert isinstance(spec.unit, Unit)
    assert spec.facts
    assert spec.scope <= set(Rows) - {Rows.BOTS}


@pytest.mark.parametrize("dimension", Dimension)
def test_a_dimension_has_a_title_an_expression_and_a_count(dimension: Dimension) -> None:
    spec = spec_of(dimension)
    assert spec.key == dimension.value
    assert spec.title
    assert spec.unset_label
    assert (spec.column is None) is spec.is_clock
    assert spec.row_count_text(1).startswith("1 ")
    assert spec.row_count_text(1_204).startswith("1,204 ")
    assert spec.count_text(1)[2:] + "s" == spec.count_text(2)[2:]
    counted = {
        Scope.SESSION: {Metric.VISITORS},
        Scope.HIT: {Metric.PAGE_VIEWS, Metric.EVENTS},
        Scope.BOT: {Metric.EVENTS},
    }
    assert spec.default_metric in counted[spec.scope]
    assert spec.top_rows == TOP_ROWS or spec.codes is Codes.PLACE
    assert bool(spec.report_name) is bool(spec.list_title) is (dimension in REPORT_DIMENSIONS)


def test_a_data_key_is_an_entry_too() -> None:
    spec = spec_of("data.plan")
    assert (spec.key, spec.title, spec.count_text(2)) == ("data.plan", "plan", "2 events")
    with pytest.raises(KeyError):
        spec_of("plan")


def test_cards_are_grouped_and_goals_come_last() -> None:
    order = [metric.spec.card_group for metric in by_group(has_goals=True)]
    assert order == sorted(order)
    assert set(by_group(has_goals=True)) == set(Metric)
    assert set(cards(has_goals=True)) - set(cards(has_goals=False)) == {Metric.CONVERSIONS, Metric.CONVERSION_RATE}


def test_facts_of_one_name_are_one_fact() -> None:
    assert len({fact.name for fact in FACTS}) == len(FACTS)


def test_nothing_else_spells_the_title_or_definition_of_a_metric() -> None:
    titles = {metric.spec.title for metric in Metric}
    texts = titles | {metric.spec.definition for metric in Metric}
    names = {
        (path.relative_to(ROOT).as_posix(), node.value)
        for path in ROOT.rglob("*.py")
        if ROOT / "metrics" / "catalog" not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in texts
    }
    assert names == TITLES_OF_OTHER_THINGS
