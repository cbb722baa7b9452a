"""What a property leaves out of its numbers. Storage keeps it all, so that a rule may be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from collector.bounded_cache import bounded_lru_cache


@dataclass(frozen=True)
class Exclusions:
    """In a pattern `*` stands for any text. A path is matched whole, with or without its query. A User-Agent is matched
    whole by a pattern with a `*`, else anywhere in it, whatever its case."""

    countries: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    user_agents: tuple[str, ...] = ()

    def reason(self, country: str | None, page: str | None, user_agent: str) -> str | None:
        """Which of them leaves a hit out: "country", "path" or "user_agent"; None: it counts."""
        if country in self.countries:
            return "country"
        if page is not None and _matches_path(self.paths, page):
            return "path"
        return "user_agent" if _matches_user_agent(self.user_agents, user_agent) else None


@bounded_lru_cache(8_192)
def canonical_page(patterns: tuple[str, ...], page: str) -> str:
    """The first pattern that the path fits, in whose name the page is counted; else the page itself."""
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
    """Each part is looked for once: a regular expression of many `.*` could take for ever."""
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
