"""Simulates the events of one visit, as the tracker script reports them."""

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

NEXT_PAGE_PROBABILITY = 0.52  # that a reader opens another page
BOUNCE_PROBABILITY = 0.38  # that a visit ends within seconds
MAX_READING_S = 900.0
CLICK_TARGETS = (
    ("a", "github.com"),
    ("a", ""),
    ("a", ""),
    ("button", ""),
    ("img", ""),
    ("summary", ""),
)  # tag, href host

_cached_referrer_host = lru_cache(maxsize=256)(referrer_host)


@dataclass(frozen=True, slots=True)
class VisitStep:
    """One event of a visit, with `data` as the script sends it."""

    moment: datetime
    event: str
    data: dict[str, Any]


def visit(rng: Random, moment: datetime, person: Person, *, is_new: bool) -> list[VisitStep]:
    """Returns all steps of one visit, in order."""
    source = site.pick_source(rng, moment.date())
    page = site.pick_entry_page(rng, source)
    visitor_data = {**_visitor_data(person), **source.utm()}
    steps: list[VisitStep] = []
    if is_new:
        steps.append(VisitStep(moment, "session_start", _view_data(rng, page, visitor_data, source.referrer)))
    referrer = source.referrer
    is_bounce = rng.random() < BOUNCE_PROBABILITY
    while True:
        data = steps[0].data if is_new and len(steps) == 1 else _view_data(rng, page, visitor_data, referrer)
        moment = _read_page(rng, moment, page, data, steps, is_bounce=is_bounce)
        if is_bounce or rng.random() > NEXT_PAGE_PROBABILITY or len(steps) > 80:
            return steps
        referrer = f"https://{site.HOSTNAME}{page.path}"
        page = site.pick_next_page(rng, page)
        moment += timedelta(seconds=rng.uniform(0.3, 4))


def crawl(rng: Random, moment: datetime, bot: Person) -> list[VisitStep]:
    """Returns the page views of a crawler that runs scripts."""
    steps = []
    for _ in range(rng.randint(1, 6)):
        page = rng.choice(site.PAGES)
        steps.append(VisitStep(moment, "page_view", _view_data(rng, page, _visitor_data(bot), "")))
        moment += timedelta(seconds=rng.uniform(2, 40))
    return steps


def to_event(rng: Random, step: VisitStep, person: Person, property_number: int) -> Event:
    """Returns the event that the collector would store for a step."""
    data, place = step.data, person.place
    return Event(
        id=UUID(int=rng.getrandbits(128)),
        property=property_number,
        event=step.event,
        created_at=step.moment,
        data=data,
        identity=Identity.COOKIE,
        visitor=visitor_of(person.user_id),
        user_agent=person.user_agent,
        user_id=person.user_id,
        view_id=data["view_id"],
        page=data["url"],
        title=data.get("title"),
        hostname=data["hostname"],
        referrer=_cached_referrer_host(data["referrer"], site.HOSTNAME) if data.get("referrer") else None,
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


def _visitor_data(person: Person) -> dict[str, Any]:
    width, height = person.screen
    return {
        "user_id": person.user_id,
        "hostname": site.HOSTNAME,
        "screen_width": width,
        "screen_height": height,
        "language": person.language,
    }


def _view_data(rng: Random, page: site.Page, visitor_data: dict[str, Any], referrer: str) -> dict[str, Any]:
    data = {**visitor_data, "url": page.path, "title": page.title, "view_id": f"{rng.getrandbits(64):016x}"}
    return {**data, "referrer": referrer} if referrer else data


def _read_page(
    rng: Random, opened_at: datetime, page: site.Page, data: dict[str, Any], steps: list[VisitStep], *, is_bounce: bool
) -> datetime:
    """Adds the steps between opening and leaving a page; returns when it was left."""
    spent_s = rng.uniform(0.5, 5) if is_bounce else min(rng.lognormvariate(0, 0.9) * page.reading_s, MAX_READING_S)
    scroll_depth = 0 if is_bounce else min(100, int(rng.triangular(15, 125, 60 if page.reading_s > 60 else 100)))
    steps.append(VisitStep(opened_at, "page_view", data))
    page_events = (
        [_page_event(data, "scroll", scroll_depth=scroll_depth - scroll_depth % 25)] if scroll_depth >= 25 else []
    )
    if not is_bounce:
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            target, href = rng.choice(CLICK_TARGETS)
            details = {"target": target, "x": rng.randrange(1200), "y": rng.randrange(2400)}
            page_events.append(_page_event(data, "click", **details, **({"href": href} if href else {})))
        for action in site.actions(page):
            if rng.random() < action.probability:
                page_events.append(_page_event(data, action.event, **rng.choice(action.data)))
    offsets_s = sorted(rng.uniform(0.1, 0.95) * spent_s for _ in page_events)
    steps += [
        VisitStep(opened_at + timedelta(seconds=offset_s), *page_event)
        for offset_s, page_event in zip(offsets_s, page_events, strict=True)
    ]
    left_at = opened_at + timedelta(seconds=spent_s)
    if spent_s >= 1:  # the script does not send shorter ones
        steps.append(
            VisitStep(
                left_at, *_page_event(data, "page_leave", time_on_page=int(spent_s * 1000), scroll_depth=scroll_depth)
            )
        )
    return left_at


def _page_event(view: dict[str, Any], event: str, **details: Any) -> tuple[str, dict[str, Any]]:
    """Returns name and data of a further event of a page view.

    The data holds the view's keys and the event's own details.
    """
    return event, {key: view[key] for key in ("user_id", "view_id", "url", "hostname")} | details
