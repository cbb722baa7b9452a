"""The pages of the benchmarks' sites, and what is done there."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from proprium.demo.site import ACTIONS, Action

SECTIONS = ("blog", "docs", "product", "help", "guide", "news", "recipes")
WORDS = ("start", "river", "stone", "paper", "winter", "market", "garden", "engine", "letter", "bridge", "signal",
    "mirror", "copper", "harbour", "lantern", "meadow", "orchard", "pebble", "ribbon", "saddle", "timber", "valley",
    "window", "yellow", "anchor")  # fmt: skip
LARGEST = 420  # pages of the first site; the others have fewer
ROOT = ("/", "/pricing", "/signup", "/download", "/docs", "/blog")
CLICKED = ("a", "a#next", "button", "button#buy", "a#menu", "summary", "img", "input#search")
LINKED = ("github.com", "www.wikipedia.org", "shop.example", "www.youtube.com", "files.example/manual.pdf")


@dataclass(frozen=True, slots=True)
class Page:
    path: str
    title: str
    reading_s: float
    action: Action | None

    def click(self, chance: Random) -> str:
        """What the script sends of a click, as storage keeps it."""
        data = {"target": chance.choice(CLICKED), "x": int(1400 * chance.random()), "y": int(2400 * chance.random())}
        return json_of(data if chance.random() < 0.8 else {**data, "href": chance.choice(LINKED)})


def pages(site: int) -> list[Page]:
    """The most read first."""
    chance = Random(f"pages {site}")
    count = LARGEST // (1 + site)
    paths = list(dict.fromkeys((*ROOT, *(_path(chance) for _ in range(2 * count)))))
    return [_page(chance, path) for path in paths[:count]]


def _path(chance: Random) -> str:
    words = [chance.choice(WORDS) for _ in range(chance.randint(1, 5))]
    return f"/{chance.choice(SECTIONS)}/{'-'.join(words)}"


def _page(chance: Random, path: str) -> Page:
    words = path.rpartition("/")[2].replace("-", " ").capitalize() or "Welcome"
    action = chance.choice(ACTIONS) if chance.random() < 0.15 else None
    return Page(path, f"{words} · Exemplar Inc.", chance.uniform(10, 170), action)


def json_of(data: dict[str, Any]) -> str:
    return orjson.dumps(data).decode()
