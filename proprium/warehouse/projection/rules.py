"""Projection rules: the settings of properties, and the code version, by which stored events become rows.

A fingerprint of both is stored in the warehouse; where it differs, the warehouse is rebuilt.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib import resources
from itertools import compress
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import select

from collector.acquisition import allows_host, is_ignored_referrer
from collector.url_normalisation import DEFAULT_PAGE_RULES, PageRules, canonical_page
from proprium.storage.database import Database
from proprium.storage.event_columns import EventBatch
from proprium.storage.tables import Property
from proprium.warehouse.projection.exclusions import Exclusions, grouped_page
from proprium.warehouse.projection.sessionizer import DEFAULT_SESSION_RULES, SECOND_US, SessionRules

_FINGERPRINTED_MODULES = (
    "collector.user_agent",
    "collector.bots",
    "collector.acquisition",
    "collector.campaign",
    "collector.url_normalisation",
    "proprium.storage.stored_columns",
    "proprium.warehouse.projection.exclusions",
    "proprium.warehouse.projection.page_engagement",
    "proprium.warehouse.projection.event_rows",
    "proprium.warehouse.projection.session_context",
    "proprium.warehouse.projection.sessionizer",
)
_FINGERPRINTED_DATA = "collector.data"
_FINGERPRINTED_PACKAGES = ("user-agents", "ua-parser")


class ReferrerRules(NamedTuple):
    """Hosts of a property whose pages are no referrers: its own ones, and ignored ones such as payment pages."""

    own_hostnames: tuple[str, ...] = ()
    ignored_hosts: tuple[str, ...] = ()


_NO_REFERRER_RULES = ReferrerRules()


@dataclass(frozen=True)
class Rules:
    """The rules of all properties, by property number; properties with default rules are absent.

    Whether automated browsers count as people, exclusions, session timeout and bounce threshold, path patterns, hosts
    that are no referrers, and which addresses are one page.
    """

    counts_automated_by_property: dict[int, bool] = field(default_factory=dict)
    counts_automated: bool = False  # the default of properties without a setting
    exclusions: dict[int, Exclusions] = field(default_factory=dict)
    session_rules_by_property: dict[int, SessionRules] = field(default_factory=dict)
    path_patterns: dict[int, tuple[str, ...]] = field(default_factory=dict)
    referrer_rules: dict[int, ReferrerRules] = field(default_factory=dict)
    page_rules: dict[int, PageRules] = field(default_factory=dict)

    def session_rules_of(self, property_number: int) -> SessionRules:
        return self.session_rules_by_property.get(property_number, DEFAULT_SESSION_RULES)

    def canonical_pages(self, batch: EventBatch) -> Sequence[str | None]:
        """Returns the one spelling of each event's page."""
        pages = batch["page"]
        rules_by_property = {
            number: self.page_rules.get(number, DEFAULT_PAGE_RULES) for number in set(batch.dictionaries["property"])
        }
        if len(set(rules_by_property.values())) == 1:  # nearly always; half the time of looking up two values
            [rules, *_] = rules_by_property.values()
            page_by_sent_page = {page: page and canonical_page(page, rules) for page in set(pages)}
            return list(map(page_by_sent_page.__getitem__, pages))
        return [
            page and canonical_page(page, rules_by_property[number])
            for number, page in zip(batch["property"], pages, strict=True)
        ]

    def grouped_pages(self, batch: EventBatch, pages: Sequence[str | None]) -> Sequence[str | None]:
        """Replaces canonical pages by the path pattern of their property that groups them, if any."""
        if self.path_patterns.keys().isdisjoint(batch.dictionaries["property"]):
            return pages
        return [
            page
            and grouped_page(self.path_patterns.get(number, ()), page, self.page_rules.get(number, DEFAULT_PAGE_RULES))
            for number, page in zip(batch["property"], pages, strict=True)
        ]

    def external_referrer(self, property_number: int, referrer: str | None, hostname: str | None) -> str | None:
        """Returns the referrer's host; None for the page's own host and for hosts that the property does not count.

        Both hosts are normalised.
        """
        if referrer is None or referrer == hostname:
            return None
        own_hostnames, ignored_hosts = self.referrer_rules.get(property_number, _NO_REFERRER_RULES)
        if allows_host(own_hostnames, referrer) or is_ignored_referrer(ignored_hosts, referrer):
            return None
        return referrer

    def counts_automated_of(self, property_number: int) -> bool:
        return self.counts_automated_by_property.get(property_number, self.counts_automated)

    def apply_exclusions(self, batch: EventBatch) -> tuple[EventBatch, Mapping[str, Sequence[Any]]]:
        """Splits a batch into events to project and excluded rows, with a column `reason`."""
        if self.exclusions.keys().isdisjoint(batch.dictionaries["property"]):
            return batch, _NO_ROWS
        values = zip(*(batch[name] for name in ("property", "country", "page", "user_agent")), strict=True)
        no_exclusions = Exclusions()
        reasons = [
            self.exclusions.get(property_number, no_exclusions).reason(*rest) for property_number, *rest in values
        ]
        excluded_rows = {name: list(compress(batch[name], reasons)) for name in _EXCLUDED_COLUMNS}
        included_batch = batch.take([index for index, reason in enumerate(reasons) if not reason])
        return included_batch, {**excluded_rows, "reason": [reason for reason in reasons if reason]}


_EXCLUDED_COLUMNS = ("seq", "property", "created_at", "visitor")
_NO_ROWS: Mapping[str, Sequence[Any]] = {"seq": ()}

RulesSource = Callable[[], Rules]

_property_table: Any = Property.__table__  # type: ignore[attr-defined]
_SELECT_RULES = select(
    _property_table.c.number,
    _property_table.c.counts_automated,
    _property_table.c.excluded_countries,
    _property_table.c.excluded_paths,
    _property_table.c.excluded_user_agents,
    _property_table.c.path_patterns,
    _property_table.c.session_gap_min,
    _property_table.c.bounce_s,
    _property_table.c.hostnames,
    _property_table.c.ignored_referrers,
    _property_table.c.merges_trailing_slashes,
    _property_table.c.merges_index_pages,
)


def stored_rules(database: Database, *, counts_automated: bool) -> RulesSource:
    """Returns a source that reads the current rules from storage.

    `counts_automated` is the default of properties without a setting.
    """

    def read() -> Rules:
        with database.engine.connect() as connection:
            rows = connection.execute(_SELECT_RULES).all()
        counts_automated_by_property = {
            row.number: bool(row.counts_automated) for row in rows if row.counts_automated is not None
        }
        page_rules = {row.number: PageRules(row.merges_trailing_slashes, row.merges_index_pages) for row in rows}
        exclusions = {
            row.number: Exclusions(
                frozenset(row.excluded_countries),
                tuple(row.excluded_paths),
                tuple(row.excluded_user_agents),
                page_rules[row.number],
            )
            for row in rows
        }
        session_rules = {
            row.number: SessionRules(row.session_gap_min * 60 * SECOND_US, row.bounce_s * 1_000) for row in rows
        }
        return Rules(
            counts_automated_by_property,
            counts_automated,
            {number: rules for number, rules in exclusions.items() if not rules.is_empty},
            {number: rules for number, rules in session_rules.items() if rules != DEFAULT_SESSION_RULES},
            {row.number: tuple(row.path_patterns) for row in rows if row.path_patterns},
            {
                row.number: ReferrerRules(tuple(row.hostnames), tuple(row.ignored_referrers))
                for row in rows
                if row.hostnames or row.ignored_referrers
            },
            {number: rules for number, rules in page_rules.items() if rules != DEFAULT_PAGE_RULES},
        )

    return read


def fingerprint(rules: Rules) -> str:
    """Fingerprints code and server-wide rules: a different one requires a rebuild of the whole warehouse.

    A property's own rules are not part of it: their changes are StorageChange rows, which rebuild that property only.
    """
    return f"{_code_fingerprint()}-{int(rules.counts_automated)}"


@cache
def _code_fingerprint() -> str:
    """Hashes the code, data files and package versions that determine rows."""
    digest = blake2b(digest_size=8)
    modules = (name.rpartition(".") for name in _FINGERPRINTED_MODULES)
    files = [resources.files(package) / f"{module}.py" for package, _, module in modules]
    files += sorted(
        (file for file in resources.files(_FINGERPRINTED_DATA).iterdir() if file.is_file()), key=attrgetter("name")
    )
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    for package in _FINGERPRINTED_PACKAGES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        digest.update(f"{package}={version}".encode())
    return digest.hexdigest()
