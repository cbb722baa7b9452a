"""Random queries: every period, filter, zone, interval and dimension, where a history has data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.query import Goal
from proprium.metrics.results import Dimension
from tests.metrics.reference.query_spec import QuerySpec

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
MOMENT = timedelta(microseconds=1)

few = st.sampled_from
DIMENSIONS = (
    *(dimension.value for dimension in Dimension),
    *("data.plan", "data.plan", "data.a.b", "data.a/b~0", "data.n", "data.it's", "data.title", "data.language"),
    *("data.url", "data.who", "data.scroll_depth", "data.never"),
)
PERIODS = ("today", "yesterday", "24h", "7d", "14d", "28d", "mtd", "ytd", "3mo", "12mo")
CLOSE = ("today", "yesterday", "24h")


@st.composite
def questions(draw: st.DrawFn, zone: ZoneInfo, day: date, moments: list[datetime]) -> QuerySpec:
    now = draw(few(moments)) + draw(few([*[40 * SECOND] * 4, 0 * SECOND, MOMENT, 2 * HOUR, 26 * HOUR, 24 * 24 * HOUR]))
    period = draw(few((*PERIODS, "custom", "custom", "month")))
    first = day - timedelta(days=draw(few([0, 0, 1, 2, 7])))
    dates = {"custom": (first, day + timedelta(days=draw(few([0, 1, 3])))), "month": _month(day)}.get(period)
    intervals = ["hour", "day", "week", "month"] if period in (*CLOSE, "7d", "custom") else ["day", "week", "month"]
    return QuerySpec(
        now=now,
        zone=draw(few([zone, zone, zone, ZoneInfo("America/New_York")])),
        period="custom" if dates else period,
        dates=dates,
        compare=draw(few(["none", "none", "none", "previous", "previous", "year"])),
        filters=tuple(dict.fromkeys(draw(st.lists(filters(), max_size=2)))),
        interval=draw(few([*intervals, "minute"] if period in CLOSE else intervals)),
        audience=draw(few(["humans"] * 7 + ["bots", "all"])),
        open_country=draw(few([None, None, "DE"])),
        custom_cards=("signup", 'it\'s "nothing"'),
        is_cookieless=draw(few([False, False, True])),
    )


GOALS = (
    Goal("Signed up", (Filter("event", Operator.IS, ("signup",)), Filter("data.plan", Operator.IS_SET))),
    Goal("Read it", (Filter("page", Operator.MATCHES, ("/a*",)),)),
)


def _month(day: date) -> tuple[date, date]:
    following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day.replace(day=1), following - timedelta(days=1)


WORDS = {
    "page": ["/", "/a", "/a?q=1", "/A", "/a*", "/docs/*", "/%61", "/a/", "/docs/%c3%a9"],
    "section": ["/", "/docs/*", "/d"],
    "weekday": ["1", "7", "6"],
    "hour": ["00", "09", "23"],
    "weekday_hour": ["7-23", "1-00"],
    "event": ["page_view", "signup", "page_leave", "SIGN"],
    "title": ["Home", "ärger", "o"],
    "entry_page": ["/", "/a"],
    "exit_page": ["/", "/a"],
    "referrer": ["google.com", "GOOGLE", "blog.example", "xn--mller-kva.de"],
    "source": ["Google", "Newsletter", "blog.example"],
    "channel": ["Direct", "Organic search", "paid"],
    "utm_source": ["google", "Newsletter"],
    "utm_medium": ["cpc", "E"],
    "utm_campaign": ["brand"],
    "utm_term": ["x"],
    "utm_content": ["top"],
    "country": ["DE", "FR"],
    "region": ["DE-BE", "de-"],
    "city": ["Berlin"],
    "browser": ["Chrome", "Safari", "HeadlessChrome"],
    "platform": ["iOS", "Linux"],
    "browser_version": ["Chrome 140", "Safari"],
    "platform_version": ["iOS 18.1", "Linux"],
    "screen_class": ["Desktop", "Phone"],
    "device": ["Desktop", "Mobile", "Tablet"],
    "screen": ["1920×1080", "×844"],
    "language": ["de", "en-US", "EN"],
    "visitor_kind": ["new", "returning"],
    "hostname": ["example.com", "example.org"],
    "data.plan": ["pro", "3.0", "Größe", "grö", "3", "1.5", "true", '{"a":[1,null]}'],
    "data.a.b": ["dots"],
    "data.a/b~0": ["signs"],
    "data.n": [str(2**70)],
    "data.it's": ['"quoted" 100%', "%", "_"],
    "data.who": ["ada", "BY DAY"],
    "data.title": ["Home", "ärger", "Home and*"],
    "data.url": ["https://example.com/a?x=1", "/a"],
    "data.scroll_depth": ["25", "100"],
    "data.never": ["x"],
}
"""Of each dimension some values that occur, and parts of them in other letters."""


@st.composite
def filters(draw: st.DrawFn, words: dict[str, list[str]] = WORDS) -> Filter:
    dimension = draw(few(list(words)))
    value = few(words[dimension])
    make: dict[Operator, Callable[[], tuple[str, ...]]] = {
        Operator.IS_SET: lambda: (),
        Operator.ONE_OF: lambda: tuple(draw(st.lists(value, min_size=1, max_size=3, unique=True))),
        Operator.IS: lambda: (draw(st.one_of(value, value, st.just(""))),),
        Operator.IS_NOT: lambda: (draw(st.one_of(value, value, st.just(""))),),
    }
    operator = draw(few(list(Operator)))
    return Filter(dimension, operator, make.get(operator, lambda: (draw(value),))())
