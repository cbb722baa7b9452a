"""Exclusion rules of a property, and wildcard patterns of paths and User-Agents.

Storage keeps excluded events, so that removing a rule restores them.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.bounded_cache import bounded_lru_cache


@dataclass(frozen=True)
class Exclusions:
    """The exclusion rules of one property: countries, path patterns, User-Agent patterns.

    In a pattern `*` matches any text. A path pattern must match the whole path, with or without its query. A User-Agent
    pattern with a `*` must match the whole text, without one any part of it; case is ignored.
    """

    countries: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    user_agents: tuple[str, ...] = ()

    def reason(self, country: str | None, page: str | None, user_agent: str) -> str | None:
        """Returns the rule that excludes an event: "country", "path" or "user_agent"; None: it counts."""
        if country in self.countries:
            return "country"
        if page is not None and _matches_path(self.paths, page):
            return "path"
        return "user_agent" if _matches_user_agent(self.user_agents, user_agent) else None


@bounded_lru_cache(8_192)
def canonical_page(patterns: tuple[str, ...], page: str) -> str:
    """Returns the path pattern under which a page is grouped, or the page itself.

    The first pattern that matches the path without its query wins.
    """
    path = page.partition("?")[0]
    return next((pattern for pattern in patterns if matches_wildcard(path, pattern)), page)


@bounded_lru_cache(8_192)
def _matches_path(patterns: tuple[str, ...], page: str) -> bool:
    path = page.partition("?")[0]
    return any(matches_wildcard(page, pattern) or matches_wildcard(path, pattern) for pattern in patterns)


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
