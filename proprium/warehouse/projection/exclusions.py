"""Exclusion rules of a property, and wildcard patterns of paths and User-Agents.

Storage keeps excluded events, so that removing a rule restores them.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.bounded_cache import bounded_lru_cache
from collector.url_normalisation import DEFAULT_PAGE_RULES, PageRules, canonical_page


@dataclass(frozen=True)
class Exclusions:
    """The exclusion rules of one property: countries, path patterns, User-Agent patterns.

    In a pattern `*` matches any text. A path pattern must match the whole path, with or without its query. A User-Agent
    pattern with a `*` must match the whole text, without one any part of it; case is ignored.
    """

    countries: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    user_agents: tuple[str, ...] = ()
    page_rules: PageRules = DEFAULT_PAGE_RULES

    @property
    def is_empty(self) -> bool:
        return not (self.countries or self.paths or self.user_agents)

    def reason(self, country: str | None, page: str | None, user_agent: str) -> str | None:
        """Returns the rule that excludes an event: "country", "path" or "user_agent"; None: it counts."""
        if country in self.countries:
            return "country"
        if page is not None and _matches_path(self.paths, canonical_page(page, self.page_rules), self.page_rules):
            return "path"
        return "user_agent" if _matches_user_agent(self.user_agents, user_agent) else None


@bounded_lru_cache(8_192)
def grouped_page(patterns: tuple[str, ...], page: str, rules: PageRules = DEFAULT_PAGE_RULES) -> str:
    """Returns the path pattern under which a page is grouped, or the page itself. `page` is canonical.

    The first pattern that matches the path without its query wins.
    """
    path = page.partition("?")[0]
    return next((pattern for pattern in patterns if _matches_page(path, pattern, rules)), page)


def canonical_pattern(pattern: str, rules: PageRules) -> str:
    """Returns the spelling of a path pattern that matches canonical pages."""
    return canonical_page(pattern) if pattern.endswith("*") else canonical_page(pattern, rules)


@bounded_lru_cache(8_192)
def _matches_path(patterns: tuple[str, ...], page: str, rules: PageRules) -> bool:
    path = page.partition("?")[0]
    return any(_matches_page(text, pattern, rules) for pattern in patterns for text in (page, path))


def _matches_page(page: str, pattern: str, rules: PageRules) -> bool:
    """Matches a canonical page. Where /about/ is /about, /about/* matches it as well."""
    pattern = canonical_pattern(pattern, rules)
    return matches_wildcard(page, pattern) or (rules.merges_trailing_slashes and matches_wildcard(page + "/", pattern))


@bounded_lru_cache(8_192)
def _matches_user_agent(patterns: tuple[str, ...], text: str) -> bool:
    text = text.lower()
    lowercase_patterns = (pattern.lower() for pattern in patterns)
    return any(matches_wildcard(text, pattern) if "*" in pattern else pattern in text for pattern in lowercase_patterns)


def matches_wildcard(text: str, pattern: str) -> bool:
    """Matches a whole text against a pattern with `*`.

    Each part is searched once: a regular expression of many `.*` could backtrack for ever.
    """
    prefix, *rest = pattern.split("*")
    if not rest:
        return text == prefix
    *middle, suffix = rest
    index, end_index = len(prefix), len(text) - len(suffix)
    if index > end_index or not (text.startswith(prefix) and text.endswith(suffix)):
        return False
    for part in middle:
        if (match_index := text.find(part, index, end_index)) < 0:
            return False
        index = match_index + len(part)
    return True
