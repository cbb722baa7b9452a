"""One visit, as the script in the page would report it: views, clicks, scrolling, leaving, and what was done there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from uuid import UUID

from collector.acquisition import referrer_host
from collector.event import Event, Identity
from collector.visitor import visitor_of
from proprium.demo import site
from proprium.demo.people import Person

FOLLOWS_ON = 0.52  # of the readers of a page read another
LEAVES_AT_ONCE = 0.38  # of the visits are over within seconds
LONGEST_S = 900.0
CLICKED = (("a", "github.com"), ("a", ""), ("a", ""), ("button", ""), ("img", ""), ("summary", ""))  # tag, href host


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a visit, `data` as the script sends it."""

    at: datetime
    event: str
    data: dict[str, Any]


def visit(chance: Random, at: datetime, person: Person, *, is_new: bool) -> list[Step]:
    """All steps of one visit, in order."""
    came_by = site.source(chance, at.date())
    page = site.entry(chance, came_by)
    told = {**_about(person), **came_by.utm()}
    steps: list[Step] = []
    if is_new:
        steps.append(Step(at, "session_start", _view(chance, page, told, came_by.referrer)))
    referrer = came_by.referrer
    is_glance = chance.random() < LEAVES_AT_ONCE
    while True:
        data = steps[0].data if is_new and len(steps) == 1 else _view(chance, page, told, referrer)
        at = _read(chance, at, page, data, steps, is_glance=is_glance)
        if is_glance or chance.random() > FOLLOWS_ON or len(steps) > 80:
            return steps
        referrer = f"https://{site.HOSTNAME}{page.path}"
        page = site.following(chance, page)
        at += timedelta(seconds=chance.uniform(0.3, 4))


def crawl(chance: Random, at: datetime, bot: Person) -> list[Step]:
    """A crawler that runs scripts: it opens some pages, and does nothing there."""
    steps = []
    for _ in range(chance.randint(1, 6)):
        page = chance.choice(site.PAGES)
        steps.append(Step(at, "page_view", _view(chance, page, _about(bot), "")))
        at += timedelta(seconds=chance.uniform(2, 40))
    return steps


def to_event(chance: Random, step: Step, person: Person, property_number: int) -> Event:
    """What the collector would have made of it."""
    data, place = step.data, person.place
    return Event(
        id=UUID(int=chance.getrandbits(128)),
        property=property_number,
        event=step.event,
        created_at=step.at,
        data=data,
        identity=Identity.COOKIE,
        visitor=visitor_of(person.user_id),
        user_agent=person.user_agent,
        user_id=person.user_id,
        view_id=data["view_id"],
        page=data["url"],
        title=data.get("title"),
        hostname=data["hostname"],
        referrer=_host(data.get("referrer", "")),
        screen_width=data.get("screen_width"),
        screen_height=data.get("screen_height"),
        language=data.get("language"),
        utm_source=data.get("utm_source"),
        utm_medium=data.get("utm_medium"),
        utm_campaign=data.get("utm_campaign"),
        time_on_page=data.get("time_on_page"),
        scroll_depth=data.get("scroll_depth"),
        country=place.country,
        region=place.region,
        city=place.city,
    )


def _about(person: Person) -> dict[str, Any]:
    width, height = person.screen
    return {
        "user_id": person.user_id,
        "hostname": site.HOSTNAME,
        "screen_width": width,
        "screen_height": height,
        "language": person.language,
    }


def _view(chance: Random, page: site.Page, told: dict[str, Any], referrer: str) -> dict[str, Any]:
    data = {**told, "url": page.path, "title": page.title, "view_id": f"{chance.getrandbits(64):016x}"}
    return {**data, "referrer": referrer} if referrer else data


def _read(
    chance: Random, at: datetime, page: site.Page, data: dict[str, Any], steps: list[Step], *, is_glance: bool
) -> datetime:
    """Adds what happens between opening a page and leaving it; returns when it was left."""
    spent_s = chance.uniform(0.5, 5) if is_glance else min(chance.lognormvariate(0, 0.9) * page.reading_s, LONGEST_S)
    depth = 0 if is_glance else min(100, int(chance.triangular(15, 125, 60 if page.reading_s > 60 else 100)))
    steps.append(Step(at, "page_view", data))
    done = [_deed(data, "scroll", scroll_depth=depth - depth % 25)] if depth >= 25 else []
    if not is_glance:
        done += [_deed(data, "click", **_click(chance)) for _ in range(chance.choice((0, 0, 1, 1, 2)))]
        for action in site.actions(page):
            if chance.random() < action.chance:
                done.append(_deed(data, action.event, **chance.choice(action.data)))
    moments = sorted(chance.uniform(0.1, 0.95) * spent_s for _ in done)
    steps += [Step(at + timedelta(seconds=moment), *deed) for moment, deed in zip(moments, done, strict=True)]
    left_at = at + timedelta(seconds=spent_s)
    if spent_s >= 1:  # the script sends no shorter ones
        steps.append(Step(left_at, *_deed(data, "page_leave", time_on_page=int(spent_s * 1000), scroll_depth=depth)))
    return left_at


def _deed(view: dict[str, Any], event: str, **details: Any) -> tuple[str, dict[str, Any]]:
    """An event of a view that is open already carries what ties it to the view, and its own details."""
    return event, {key: view[key] for key in ("user_id", "view_id", "url", "hostname")} | details


def _click(chance: Random) -> dict[str, Any]:
    target, href = chance.choice(CLICKED)
    details = {"target": target, "x": chance.randrange(1200), "y": chance.randrange(2400)}
    return {**details, "href": href} if href else details


@lru_cache(maxsize=256)
def _host(referrer: str) -> str | None:
    return referrer_host(referrer, site.HOSTNAME) if referrer else None
