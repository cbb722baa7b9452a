"""Formulas: how a metric is computed from facts, in SQL (to sort by) and in Python, from one definition.

In both, a missing count is 0, and a rate or mean without a denominator is None (NULL), never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, func

from proprium.metrics.catalog.facts import Fact

Column = ColumnElement[Any]
Columns = Mapping[str, Column]
Row = Mapping[str, Any]


class Formula(Protocol):
    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts that the formula reads."""

    def sql(self, columns: Columns) -> Column:
        """Returns the value as an expression over columns of facts, by their names."""

    def value(self, row: Row) -> float | None:
        """Returns the value of a row of facts, by their names."""


@dataclass(frozen=True)
class Count:
    """The number that a fact counts."""

    fact: Fact

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (self.fact,)

    def sql(self, columns: Columns) -> Column:
        return func.coalesce(columns[self.fact.name], 0.0)

    def value(self, row: Row) -> float | None:
        return int(row.get(self.fact.name) or 0)


@dataclass(frozen=True)
class Measure:
    """A fact that is no count, as it is: a median or a mean over rows."""

    fact: Fact

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (self.fact,)

    def sql(self, columns: Columns) -> Column:
        return columns[self.fact.name]

    def value(self, row: Row) -> float | None:
        return row.get(self.fact.name)


@dataclass(frozen=True)
class Ratio:
    """One count divided by another. `factor` is 100 for percent."""

    part: Fact
    whole: Fact
    factor: int = 1

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (self.part, self.whole)

    def sql(self, columns: Columns) -> Column:
        part = func.coalesce(columns[self.part.name], 0.0)
        return float(self.factor) * part / func.nullif(columns[self.whole.name], 0.0)

    def value(self, row: Row) -> float | None:
        whole = row.get(self.whole.name)
        return self.factor * (row.get(self.part.name) or 0) / whole if whole else None


@dataclass(frozen=True)
class Mean:
    """A sum divided by the number of its values, in units of `divisor`: 1,000 for seconds from milliseconds."""

    total: Fact
    number: Fact
    divisor: int = 1

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (self.total, self.number)

    def sql(self, columns: Columns) -> Column:
        return columns[self.total.name] / func.nullif(columns[self.number.name], 0.0) / float(self.divisor)

    def value(self, row: Row) -> float | None:
        total, number = row.get(self.total.name), row.get(self.number.name)
        return total / number / self.divisor if number and total is not None else None


@dataclass(frozen=True)
class Complement:
    """The rest to 100 percent of a rate."""

    rate: Ratio

    @property
    def facts(self) -> tuple[Fact, ...]:
        return self.rate.facts

    def sql(self, columns: Columns) -> Column:
        return 100 - self.rate.sql(columns)

    def value(self, row: Row) -> float | None:
        rate = self.rate.value(row)
        return None if rate is None else 100 - rate
