"""Simulated visitors: browser, screen, language and place, with realistic frequencies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random

DATA = Path(__file__).parent / "data"
ENGLISH_SHARE = 0.25  # share of people whose browser is set to English, in every country

# No automated browser among them: on localhost, properties count those as people.
BOT_AGENTS = (  # (share, User-Agent)
    (8, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    (4, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    (6, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)"),
    (5, "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)"),
    (
        2,
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https://perplexity.ai/bot)",
    ),
    (4, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    (3, "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)"),
    (3, "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"),
    (1, "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
    (1, "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"),
)


@dataclass(frozen=True, slots=True)
class Place:
    country: str
    region: str | None
    city: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Person:
    user_id: str  # of the cookie: 32 hex digits
    user_agent: str
    screen: tuple[int, int]
    language: str
    place: Place


class People:
    """Generates random people.

    `regions` returns a country's region ids, for countries without a list of cities.
    """

    def __init__(self, regions: Callable[[str], Sequence[str]]) -> None:
        agents = json.loads((DATA / "user_agents.json").read_text())
        self._agents = [(text, [(width, height) for width, height in screens]) for _, screens, text in agents]
        self._agent_weights = list(accumulate(weight for weight, _, _ in agents))
        self.places: list[Place] = []
        place_weights: list[float] = []
        for country, country_data in json.loads((DATA / "places.json").read_text()).items():
            weighted_places = (
                country_data["cities"]
                or [(region, None, 1 / rank) for rank, region in enumerate(regions(country), 1)]
                or [(None, None, 1)]
            )
            total_weight = sum(weight for _, _, weight in weighted_places)
            for region, city, weight in weighted_places:
                self.places.append(Place(country, region, city, country_data["language"]))
                place_weights.append(country_data["weight"] * weight / total_weight)
        self._place_weights = list(accumulate(place_weights))

    def person(self, rng: Random) -> Person:
        place = rng.choices(self.places, cum_weights=self._place_weights)[0]
        text, screens = rng.choices(self._agents, cum_weights=self._agent_weights)[0]
        return Person(
            user_id=f"{rng.getrandbits(128):032x}",
            user_agent=text,
            screen=rng.choice(screens),
            language="en-US" if rng.random() < ENGLISH_SHARE else place.language,
            place=place,
        )

    def bot(self, rng: Random) -> Person:
        """Returns a crawler in one of two data centres.

        Each has a new user_id, because crawlers keep no cookie.
        """
        text = rng.choices([text for _, text in BOT_AGENTS], weights=[share for share, _ in BOT_AGENTS])[0]
        place = rng.choice([place for place in self.places if place.city in {"Ashburn", "Frankfurt am Main"}])
        return Person(f"{rng.getrandbits(128):032x}", text, (1024, 768), "en-US", place)
