"""What decides how a stored event becomes a row, apart from the event itself."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import select

from proprium.storage.database import Database
from proprium.storage.tables import Property

_MODULES = (
    "collector.user_agent",
    "collector.bots",
    "collector.source",
    "proprium.warehouse.rows",
    "proprium.warehouse.sessions",
)
_LISTS = ("collector/data",)
_PACKAGES = ("user-agents", "ua-parser")


@dataclass(frozen=True)
class Rules:
    """`automated` says for a property's number whether automated browsers count as people, where it was decided."""

    automated: dict[int, bool] = field(default_factory=dict)
    counts_automated: bool = False  # where a property has not decided

    def counts_automated_of(self, number: int) -> bool:
        return self.automated.get(number, self.counts_automated)


RulesSource = Callable[[], Rules]


def stored_rules(database: Database, *, counts_automated: bool) -> RulesSource:
    """The rules as storage holds them now, for the projector; `counts_automated` where a property has not decided."""
    table: Any = Property.__table__  # type: ignore[attr-defined]
    decided = select(table.c.number, table.c.counts_automated).where(table.c.counts_automated.is_not(None))

    def read() -> Rules:
        with database.engine.connect() as connection:
            return Rules({number: bool(counts) for number, counts in connection.execute(decided)}, counts_automated)

    return read


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
