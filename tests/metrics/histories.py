"""Random histories of few visitors and pages, so that they collide, with times at the limits of rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from collector.event import Event, Identity
from collector.visitor import visitor_of
from tests.metrics.questions import DIMENSIONS, questions
from tests.metrics.reference.hits import Rules
from tests.metrics.reference.query_spec import QuerySpec
from tests.metrics.reference.spans import first_moment
from tests.support.builders import CHROME, CURL, GOOGLEBOT, IPHONE, an_event

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo")
DAYS = (  # clocks change in one of the zones on or before most of them; the others end a month or a year
    *(date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 4, 24), date(2026, 10, 4), date(2026, 10, 25)),
    *(date(2026, 10, 30), date(2026, 11, 1), date(2026, 11, 2), date(2027, 1, 1), date(2027, 3, 1), date(2028, 2, 29)),
)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
HEADLESS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36"
)
IPAD = IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS")

few = st.sampled_from
zones = few(ZONES)
starts = few(  # of a visit, from a midnight on
    [
        *(
            -45 * MINUTE,
            -25 * MINUTE,
            -25 * MINUTE,
            -5 * MINUTE,
            -SECOND,
            0 * SECOND,
            5 * MINUTE,
            90 * MINUTE,
            9 * HOUR,
        ),
        *(
            9 * HOUR,
            9 * HOUR + SECOND,
            24 * HOUR,
            33 * HOUR,
            -15 * HOUR,
            -8 * 24 * HOUR,
            -29 * 24 * HOUR,
            -365 * 24 * HOUR,
        ),
    ]
)
steps = few(
    [
        *(0 * SECOND, 0.9 * SECOND, 0.9 * SECOND, SECOND, 1.1 * SECOND, 10 * SECOND, 10 * SECOND, MINUTE, 5 * MINUTE),
        *(5 * MINUTE, 20 * MINUTE, 29 * MINUTE + 59 * SECOND, 30 * MINUTE, 30 * MINUTE + SECOND, 45 * MINUTE, 6 * HOUR),
        *(24 * HOUR - 25 * MINUTE, 24 * HOUR),
    ]
)
visitors = few([*["ada"] * 4, *["dee by day"] * 4, "bob", "eve by day", None])
EVERYBODY = frozenset({"ada", "bob", "dee by day", "eve by day"})
kinds = few([*["page_view"] * 4, "page_leave", "page_leave", "session_start", "click", "scroll", "signup", "paid"])
agents = few([*[CHROME] * 7, IPHONE, IPHONE, IPAD, GOOGLEBOT, HEADLESS, CURL, CURL, ""])
sources = few(
    [
        {},
        {},
        {"referrer": "google.com"},
        {"referrer": "blog.example"},
        {"referrer": "google.com", "utm_source": "google", "utm_medium": "cpc", "utm_campaign": "brand"},
        {"utm_source": "newsletter", "utm_medium": "email", "utm_term": "x", "utm_content": "top"},
        {"utm_source": "Newsletter", "utm_medium": "EMAIL"},
        *(
            {"click_id": "gclid", **referrer}
            for referrer in ({}, {"referrer": "google.com"}, {"referrer": "blog.example"})
        ),
        *(
            {"referrer": host}
            for host in ("docs.google.com", "pay.shop.example", "example.com", "xn--mller-kva.de", "müller.de")
        ),
    ]
)
places = few(
    [
        {},
        {"country": "DE", "region": "DE-BE"},
        {"country": "DE", "region": "DE-HH"},
        {"country": "FR"},
    ]
)
screens = few([{}, {"screen_width": 1920, "screen_height": 1080}, {"screen_width": 390, "screen_height": 844}])
details = few(
    [
        *(
            {},
            {},
            {"plan": "pro"},
            {"plan": "Größe"},
            {"plan": "GRÖSSE"},
            {"plan": ""},
            {"plan": None},
            {"plan": 3},
            {"plan": 3.0},
        ),
        *({"plan": 1.5}, {"plan": True}, {"plan": {"a": [1, None]}}, {"a.b": "dots"}, {"a/b~0": "signs"}, {"n": 2**70}),
        *({"language": 7}, {"title": "Home and more"}, {"url": "https://example.com/a?x=1"}),
        *({"href": "example.org"}, {"target": "a#buy"}, {"target": "div"}, {"target": 7}, {"it's": '"quoted" 100%'}),
    ]
)


@dataclass(frozen=True)
class Story:
    """A property's history, and what is asked about it."""

    events: list[Event]  # in the order of their arrival
    batch: int  # so many arrive at once
    rules: Rules
    rules_come_last: bool  # after all events: they hold for history as well
    specs: list[QuerySpec]
    dimension: str  # whose table is looked at
    tiles: int  # which third of all tiles is looked at


hits = st.fixed_dictionaries(
    {
        "step": steps,
        "event": kinds,
        "page": few(
            [
                *["/"] * 5,
                "/a",
                "/a",
                "/a?q=1",
                "/docs/x",
                None,
                "/a/",
                "/%61",
                "/docs/index.html",
                "//docs/%C3%a9",
                "/docs/é",
            ]
        ),
        "is_lost": few([False] * 7 + [True]),
        "engaged_ms": few([None, -5, 0, 900, 900, 1_000, 9_999, 10_000, 1_000_000, 2_000_000]),
        "depth": few([None, None, 0, 25, 75, 100]),
        "details": details,
        "is_moved": few([False] * 7 + [True]),  # another device, another place
        "untold": st.sets(st.integers(0, 3), max_size=3),  # which parts of its sender the hit does not tell
        "title": few([None, "Home", "ÄRGER"]),
        "automated": few([False] * 15 + [True]),
    }
)
senders = st.tuples(sources, places, screens, few([{}, {"language": "de"}, {"language": "en-US", "city": "Étretat"}]))
visits = st.fixed_dictionaries(
    {
        "visitor": visitors,
        "start": starts,
        "agents": st.tuples(agents, agents),
        "senders": st.tuples(senders, senders),
        "hits": st.lists(hits, min_size=1, max_size=9),
    }
)


rules = st.one_of(
    st.just(Rules()),
    st.just(Rules()),
    st.builds(
        Rules,
        excluded_paths=few([(), ("/a",), ("/*q=1",), ("/docs/%C3%A9",), ("/docs/*",)]),
        excluded_countries=few([(), ("FR",)]),
        excluded_user_agents=few([(), ("iphone",), ("mozilla/5.0 (X11*",)]),
        counts_automated=st.booleans(),
        session_gap_min=few([30, 30, 5, 60]),
        bounce_s=few([10, 10, 1, 60]),
        path_patterns=few([(), (), ("/a*",), ("/docs/*", "/*")]),
        hostnames=few([(), ("example.com", "blog.example")]),
        ignored_referrers=few([(), ("shop.example",)]),
        merges_trailing_slashes=st.booleans(),
        merges_index_pages=st.booleans(),
    ),
)


@st.composite
def stories(draw: st.DrawFn, asks: int = 2, *, is_shuffled: bool = False) -> Story:
    zone = ZoneInfo(draw(zones))
    day = draw(few(DAYS))
    with_ids = frozenset(draw(st.sets(few(sorted(EVERYBODY)))))
    drawn = draw(st.lists(visits, min_size=draw(few([1, 3, 5])), max_size=7))
    events = _events(_in_order(drawn, first_moment(day, zone)), zone, with_ids)
    moments = sorted(event.created_at for event in events)
    order = draw(st.permutations(events)) if is_shuffled else events
    specs = [draw(questions(zone, day, moments)) for _ in range(asks)]
    return Story(
        order,
        draw(few([1000, 1000, 11])),
        draw(rules),
        draw(st.booleans()),
        specs,
        draw(few(DIMENSIONS)),
        draw(few([0, 1, 2])),
    )


def _in_order(drawn: list[dict[str, Any]], midnight: datetime) -> list[dict[str, Any]]:
    """The hits of all visits by their time."""
    hits = []
    for visit in drawn:
        at = midnight + visit["start"]
        for hit in visit["hits"]:
            at += hit["step"]
            fields = {"at": at, "visitor": visit["visitor"], "agent": visit["agents"][hit["is_moved"]]}
            hits.append({**hit, **fields, "sender": visit["senders"][hit["is_moved"]]})
    return sorted(hits, key=lambda hit: hit["at"])


def _events(drawn: list[dict[str, Any]], zone: ZoneInfo, with_ids: frozenset[str]) -> list[Event]:
    """Everybody has one script: those in `with_ids` one that names its views."""
    events: list[Event] = []
    for hit in drawn:
        visitor = hit["visitor"]
        view_id = _view_id(hit, len(events), events) if visitor in with_ids else None
        fields = _reported(hit)
        for number, part in enumerate(hit["sender"]):
            fields |= {} if number in hit["untold"] else part
        fields |= {"view_id": view_id, "title": hit["title"], "automated": hit["automated"], "user_agent": hit["agent"]}
        event = an_event(
            visitor, hit["at"], hit["page"], hit["event"], data={**hit["details"], "who": visitor}, **fields
        )
        events.append(_by_day(event, visitor, zone) if visitor and "by day" in visitor else event)
    return events


def _reported(hit: dict[str, Any]) -> dict[str, Any]:
    reported = {"scroll": {"scroll_depth": hit["depth"]}, "page_leave": {"scroll_depth": hit["depth"]}}
    reported["page_leave"] |= {"time_on_page": hit["engaged_ms"]}
    return reported.get(hit["event"], {})


def _view_id(hit: dict[str, Any], number: int, events: list[Event]) -> str:
    """A page view has one of its own; what follows has its latest, or now and then one that nobody knows."""
    if hit["event"] == "page_view":
        return f"view {number}"
    views = [event for event in events if event.event == "page_view" and event.data["who"] == hit["visitor"]]
    return f"lost {number}" if hit["is_lost"] or not views else views[-1].view_id or ""


def _by_day(event: Event, visitor: str, zone: ZoneInfo) -> Event:
    """As the collector knows them: by another id every local day, and by yesterday's for a gap after midnight."""
    today = event.created_at.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    is_early = event.created_at - first_moment(today, zone) <= 30 * MINUTE
    return replace(
        event,
        data={key: value for key, value in event.data.items() if key != "user_id"},
        user_id=None,
        identity=Identity.DAILY,
        visitor=visitor_of(f"{visitor} {today}"),
        previous_visitor=visitor_of(f"{visitor} {yesterday}") if is_early else None,
    )
