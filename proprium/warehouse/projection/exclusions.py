"""What a property leaves out of its numbers. Storage keeps it all, so that a rule may be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from collector.bounded_cache import remembered


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
        if page is not None and _is_path(self.paths, page):
            return "path"
        return "user_agent" if _is_user_agent(self.user_agents, user_agent) else None


@remembered(8_192)
def pattern_of(patterns: tuple[str, ...], page: str) -> str:
    """The first pattern that the path fits, in whose name the page is counted; else the page itself."""
    path = page.partition("?")[0]
    return next((pattern for pattern in patterns if is_like(path, pattern)), page)


@remembered(8_192)
def _is_path(patterns: tuple[str, ...], page: str) -> bool:
    path = page.partition("?")[0]
    return any(is_like(page, pattern) or is_like(path, pattern) for pattern in patterns)


@remembered(8_192)
def _is_user_agent(patterns: tuple[str, ...], text: str) -> bool:
    text = text.lower()
    lowered = (pattern.lower() for pattern in patterns)
    return any(is_like(text, pattern) if "*" in pattern else pattern in text for pattern in lowered)


def is_like(text: str, pattern: str) -> bool:
    """Each part is looked for once: a regular expression of many `.*` could take for ever."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        if (found := text.find(part, at, end)) < 0:
            return False
        at = found + len(part)
    return True
