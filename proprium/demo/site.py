"""The simulated site, a small tool for writers: its pages, traffic sources and custom events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from random import Random
from typing import Any

HOSTNAME = "exemplar.example"


@dataclass(frozen=True, slots=True)
class Page:
    path: str
    title: str
    reading_s: float  # median engaged time
    is_entry: bool = True  # visits may start here


@dataclass(frozen=True, slots=True)
class Source:
    """A traffic source. Shares are relative weights within a month."""

    share: float
    referrer: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    landing: tuple[str, ...] = ()  # paths; empty: anywhere
    months: frozenset[int] = frozenset(range(1, 13))

    def utm(self) -> dict[str, str]:
        keys = ("utm_source", "utm_medium", "utm_campaign")
        return {key: value for key in keys if (value := getattr(self, key))}


@dataclass(frozen=True, slots=True)
class Action:
    """A custom event that some readers of a page trigger."""

    event: str
    path: str
    probability: float
    data: tuple[dict[str, Any], ...] = ({},)


PAGES = (  # most read first: shares follow Zipf's law
    Page("/", "Exemplar: write the example first", 18),
    Page("/pricing", "Pricing", 25),
    Page("/docs/quick-start", "Quick start", 95),
    Page("/features", "Features", 35),
    Page("/blog/examples-before-rules", "Examples before rules", 170),
    Page("/docs", "Documentation", 22),
    Page("/download", "Download", 20),
    Page("/blog/how-we-halved-our-build", "How we halved our build", 150),
    Page("/docs/installation", "Installation", 80),
    Page("/signup", "Sign up", 40, is_entry=False),
    Page("/blog", "Blog", 15),
    Page("/blog/a-style-guide-in-forty-lines", "A style guide in forty lines", 190),
    Page("/docs/templates", "Templates", 70),
    Page("/changelog", "Changelog", 45),
    Page("/docs/api", "API reference", 120),
    Page("/about", "About us", 30),
    Page("/blog/what-readers-skip", "What readers skip", 140),
    Page("/login", "Sign in", 8, is_entry=False),
    Page("/docs/faq", "Questions and answers", 60),
    Page("/customers", "Who writes with Exemplar", 35),
    Page("/blog/the-cost-of-a-footnote", "The cost of a footnote", 130),
    Page("/docs/import", "Import from elsewhere", 65),
    Page("/docs/shortcuts", "Keyboard shortcuts", 40),
    Page("/contact", "Contact", 30),
    Page("/blog/tables-that-read-themselves", "Tables that read themselves", 120),
    Page("/docs/publishing", "Publishing", 75),
    Page("/features/live-preview", "Live preview", 28),
    Page("/blog/twelve-openings", "Twelve openings", 160),
    Page("/docs/teams", "Teams", 50),
    Page("/search", "Search", 12, is_entry=False),
    Page("/blog/notes-from-the-first-year", "Notes from the first year", 110),
    Page("/jobs", "Jobs", 40),
    Page("/docs/privacy", "Privacy", 35),
    Page("/features/export", "Export", 24),
    Page("/imprint", "Imprint", 10),
)

SOURCES = (
    Source(30),
    Source(27, "https://www.google.com/"),
    Source(4, "https://www.bing.com/"),
    Source(4, "https://duckduckgo.com/"),
    Source(4.5, "https://chatgpt.com/"),
    Source(1.2, "https://www.perplexity.ai/"),
    Source(0.8, "https://claude.ai/"),
    Source(4, "https://news.ycombinator.com/", landing=("/blog/examples-before-rules", "/blog/twelve-openings")),
    Source(3, "https://www.reddit.com/", landing=("/blog/what-readers-skip", "/")),
    Source(4.5, "https://github.com/", landing=("/docs/quick-start", "/", "/docs/api")),
    Source(2.2, "https://www.linkedin.com/", landing=("/blog/a-style-guide-in-forty-lines", "/jobs")),
    Source(1.5, "https://t.co/"),
    Source(1.2, "https://www.youtube.com/", landing=("/download", "/")),
    Source(1.3, "https://mastodon.social/"),
    Source(2, "https://writing-weekly.example/", landing=("/blog/twelve-openings", "/")),
    Source(1, "https://alternatives.example/", landing=("/pricing", "/features")),
    Source(3.2, "", "newsletter", "email", "monthly-letter", ("/blog", "/changelog", "/blog/twelve-openings")),
    Source(5, "https://www.google.com/", "google", "cpc", "brand", ("/", "/pricing")),
    Source(4, "https://www.google.com/", "google", "cpc", "spring-launch", ("/features", "/"), frozenset({3, 4, 5})),
    Source(4, "https://www.linkedin.com/", "linkedin", "paid-social", "teams", ("/docs/teams",), frozenset({9, 10})),
    Source(3, "", "partner", "affiliate", "writers-guild", ("/pricing",), frozenset({1, 2, 6, 7, 12})),
)

ACTIONS = (
    Action("signup", "/signup", 0.42, ({"plan": "free"}, {"plan": "free"}, {"plan": "pro"}, {"plan": "team"})),
    Action("download", "/download", 0.55, ({"file": "macos"}, {"file": "windows"}, {"file": "linux"})),
    Action("newsletter", "/blog", 0.12),
    Action("newsletter", "/blog/examples-before-rules", 0.05),
    Action("newsletter", "/blog/twelve-openings", 0.06),
    Action("copy_snippet", "/docs/quick-start", 0.3, ({"syntax": "shell"}, {"syntax": "python"})),
    Action("copy_snippet", "/docs/api", 0.35, ({"syntax": "python"}, {"syntax": "javascript"})),
    Action("plan_toggle", "/pricing", 0.3, ({"period": "yearly"}, {"period": "yearly"}, {"period": "monthly"})),
    Action("contact", "/contact", 0.25),
    Action("search", "/search", 0.9, tuple({"query": text} for text in ("export pdf", "price", "dark mode", "api"))),
    Action("play_video", "/features/live-preview", 0.5, ({"video": "tour"},)),
)

NEXT_PAGES = {  # likely next pages; any other page is possible as well
    "/": ("/features", "/pricing", "/docs/quick-start", "/download"),
    "/features": ("/pricing", "/features/live-preview", "/signup"),
    "/pricing": ("/signup", "/signup", "/docs/faq", "/features"),
    "/docs": ("/docs/quick-start", "/docs/installation", "/search"),
    "/docs/quick-start": ("/docs/installation", "/docs/templates", "/download"),
    "/docs/installation": ("/docs/templates", "/docs/api"),
    "/blog": ("/blog/examples-before-rules", "/blog/a-style-guide-in-forty-lines"),
    "/blog/examples-before-rules": ("/", "/blog", "/docs/quick-start"),
    "/download": ("/docs/installation", "/signup"),
    "/login": ("/docs", "/changelog"),
}

_BY_PATH = {page.path: page for page in PAGES}
_ZIPF_WEIGHTS = [1 / rank for rank in range(1, len(PAGES) + 1)]
_CUMULATIVE_PAGE_WEIGHTS = list(accumulate(_ZIPF_WEIGHTS))
_ENTRY_PAGES = [page for page in PAGES if page.is_entry]
_CUMULATIVE_ENTRY_WEIGHTS = list(
    accumulate(weight for page, weight in zip(PAGES, _ZIPF_WEIGHTS, strict=True) if page.is_entry)
)
_ACTIONS_BY_PATH = {
    path: tuple(action for action in ACTIONS if action.path == path) for path in {a.path for a in ACTIONS}
}
_SOURCES_BY_MONTH = {
    month: ([s for s in SOURCES if month in s.months], list(accumulate(s.share for s in SOURCES if month in s.months)))
    for month in range(1, 13)
}


def pick_source(rng: Random, day: date) -> Source:
    sources, shares = _SOURCES_BY_MONTH[day.month]
    return rng.choices(sources, cum_weights=shares)[0]


def pick_entry_page(rng: Random, source: Source) -> Page:
    if source.landing and rng.random() < 0.85:
        return _BY_PATH[rng.choice(source.landing)]
    return rng.choices(_ENTRY_PAGES, cum_weights=_CUMULATIVE_ENTRY_WEIGHTS)[0]


def pick_next_page(rng: Random, page: Page) -> Page:
    if page.path in NEXT_PAGES and rng.random() < 0.65:
        return _BY_PATH[rng.choice(NEXT_PAGES[page.path])]
    return rng.choices(PAGES, cum_weights=_CUMULATIVE_PAGE_WEIGHTS)[0]


def actions(page: Page) -> tuple[Action, ...]:
    return _ACTIONS_BY_PATH.get(page.path, ())
