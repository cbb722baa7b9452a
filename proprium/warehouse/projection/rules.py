"""What decides how a stored event becomes a row, apart from the event itself."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from itertools import compress
from pathlib import Path
from typing import Any

from sqlalchemy import select

from proprium.storage.database import Database
from proprium.storage.event_columns import Columns
from proprium.storage.tables import Property
from proprium.warehouse.projection.exclusions import Exclusions, pattern_of
from proprium.warehouse.projection.sessionizer import SECOND, USUAL_PACE, Pace

_MODULES = (
    "collector.user_agent",
    "collector.bots",
    "collector.acquisition",
    "proprium.warehouse.projection.exclusions",
    "proprium.warehouse.projection.page_engagement",
    "proprium.warehouse.projection.event_rows",
    "proprium.warehouse.projection.sessionizer",
)
_LISTS = ("collector/data",)
_PACKAGES = ("user-agents", "ua-parser")


@dataclass(frozen=True)
class Rules:
    """Of each property by its number, where they were decided: whether automated browsers count as people, what is left
    out of all numbers, what ends a session and makes it a bounce, and which pages are counted as one."""

    automated: dict[int, bool] = field(default_factory=dict)
    counts_automated: bool = False  # where a property has not decided
    exclusions: dict[int, Exclusions] = field(default_factory=dict)
    paces: dict[int, Pace] = field(default_factory=dict)
    path_patterns: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def pace_of(self, number: int) -> Pace:
        return self.paces.get(number, USUAL_PACE)

    def pages(self, numbers: Sequence[int], pages: Sequence[str | None]) -> Sequence[str | None]:
        """Pages as they are counted: those that fit a pattern of their property go by its name."""
        if self.path_patterns.keys().isdisjoint(numbers):
            return pages
        return [
            page if page is None else pattern_of(self.path_patterns.get(number, ()), page)
            for number, page in zip(numbers, pages, strict=True)
        ]

    def counts_automated_of(self, number: int) -> bool:
        return self.automated.get(number, self.counts_automated)

    def kept(self, events: Columns) -> tuple[Columns, Mapping[str, Sequence[Any]]]:
        """What is projected; and, with a column `reason`, what no number can count."""
        if self.exclusions.keys().isdisjoint(events.shared["property"]):
            return events, _NOTHING
        told = zip(*(events[name] for name in ("property", "country", "page", "user_agent")), strict=True)
        nothing = Exclusions()
        reasons = [self.exclusions.get(number, nothing).reason(*rest) for number, *rest in told]
        left_out = {name: list(compress(events[name], reasons)) for name in _LEFT_OUT}
        kept = events.picked([place for place, reason in enumerate(reasons) if not reason])
        return kept, {**left_out, "reason": [reason for reason in reasons if reason]}


_LEFT_OUT = ("seq", "property", "created_at", "visitor")
_NOTHING: Mapping[str, Sequence[Any]] = {"seq": ()}

RulesSource = Callable[[], Rules]

_property: Any = Property.__table__  # type: ignore[attr-defined]
_OF_PROPERTIES = select(
    _property.c.number,
    _property.c.counts_automated,
    _property.c.excluded_countries,
    _property.c.excluded_paths,
    _property.c.excluded_user_agents,
    _property.c.path_patterns,
    _property.c.session_gap_min,
    _property.c.bounce_s,
)


def stored_rules(database: Database, *, counts_automated: bool) -> RulesSource:
    """The rules as storage holds them now, for the projector; `counts_automated` where a property has not decided."""

    def read() -> Rules:
        with database.engine.connect() as connection:
            rows = connection.execute(_OF_PROPERTIES).all()
        automated = {row.number: bool(row.counts_automated) for row in rows if row.counts_automated is not None}
        exclusions = {row.number: found for row in rows if (found := _exclusions(row)) != Exclusions()}
        paces = {row.number: pace for row in rows if (pace := _pace(row)) != USUAL_PACE}
        patterns = {row.number: tuple(row.path_patterns) for row in rows if row.path_patterns}
        return Rules(automated, counts_automated, exclusions, paces, patterns)

    return read


def _exclusions(row: Any) -> Exclusions:
    return Exclusions(frozenset(row.excluded_countries), tuple(row.excluded_paths), tuple(row.excluded_user_agents))


def _pace(row: Any) -> Pace:
    return Pace(row.session_gap_min * 60 * SECOND, row.bounce_s * 1_000)


def fingerprint(rules: Rules) -> str:
    """Another one means that every row may have to be made anew. A property's own rules follow by a change row."""
    return f"{_code()}-{int(rules.counts_automated)}"


@cache
def _code() -> str:
    """Of the code, lists and packages that rows are made with."""
    digest = blake2b(digest_size=8)
    for path in _files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for package in _PACKAGES:
        digest.update(f"{package}={_version(package)}".encode())
    return digest.hexdigest()


def _files() -> list[Path]:
    modules = [Path(spec.origin) for name in _MODULES if (spec := importlib.util.find_spec(name)) and spec.origin]
    root = modules[0].parents[1]
    return modules + sorted(path for folder in _LISTS for path in (root / folder).glob("*") if path.is_file())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
