"""Invalid query parameters are rejected with an explanation, and never executed."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import text

from proprium.errors import PropertyNotFound
from proprium.metrics.query.filters import HIT_DIMENSIONS, SESSION_DIMENSIONS, Operator
from tests.api.conftest import Past
from tests.support.pseudo_language import pseudo_language

QUERIED = ("/totals", "/timeline", "/breakdown/page")
EVENTS = ("/events.csv", "/events.jsonl", "/events.parquet")
LONG = "x" * 10_000

NONSENSE = {
    "a period that ends before it starts": "from=2026-03-31&to=2026-03-01",
    "an end without a start": "to=2026-03-31",
    "the year 0": "from=0000-01-01&to=2026-01-01",
    "the year 1": "from=0001-01-01",
    "the year 9999": "from=2026-01-01&to=9999-12-31",
    "the year 10000": "from=10000-01-01",
    "a day that is none": "from=2026-02-30",
    "a day without its signs": "from=20260131",
    "a period that is not known": "period=fortnight",
    "a long period": f"period={LONG}",
    "a zone that is none": "timezone=Mars/Olympus",
    "a zone that is a file": "timezone=../../etc/passwd",
    "a zone that is a folder": "timezone=Europe",
    "a zone with a NUL": "timezone=Europe%00",
    "an unknown name": "peroid=7d",
    "one value too many": "period=7d&period=28d",
    "no value": "period=",
}
OF_QUERIES = {
    "an unknown dimension": "filter=shoe_size:is:44",
    "a dimension of 10,000 characters": f"filter=data.{LONG}:is:x",
    "an unknown operator": "filter=page:resembles:x",
    "a filter without anything": "filter=page",
    "an empty filter": "filter=",
    "a value of 10,000 characters": f"filter=page:is:{LONG}",
    "a value that is no text": "filter=page:is:%00",
    "200 filters": "&".join(f"filter=page:is:/{number}" for number in range(200)),
    "201 values": "filter=page:one_of:" + "%7C".join(map(str, range(201))),
    "an audience that is none": "audience=cats",
}
OF_ONE = {
    "/totals": {"a metric that is none": "metric=joy", "a comparison that is none": "compare=decade"},
    "/timeline": {
        "too many points": "period=12mo&interval=minute",
        "an interval that is none": "interval=fortnight",
        "a metric that is none": "metric=visitors&metric=joy",
    },
    "/breakdown/page": {
        "limit 0": "limit=0",
        "limit 1001": "limit=1001",
        "a limit of many digits": f"limit={'9' * 5000}",
        "a limit in other digits": "limit=%D9%A3",
        "half an offset": "offset=0.5",
        "less than none": "offset=-1",
        "an order that is none": "order=random",
        "a metric that pages do not have": "metric=joy",
        "a search of 10,000 characters": f"search={LONG}",
        "a search that is no text": "search=%00",
        "a sort that is none": "sort=joy",
    },
    "/breakdown/shoe_size": {"a dimension that is none": ""},
    f"/breakdown/{LONG}": {"a dimension of 10,000 characters": ""},
    "/breakdown/data.": {"a key without a name": ""},
    f"/breakdown/data.{LONG}": {"a key of 10,000 characters": ""},
    "/breakdown/data.%00": {"a key that is no text": ""},
    "/live": {"what it does not take": "period=7d"},
    "": {"what it does not take": "period=7d"},
}
WRONG = [
    *((path, what, query_string) for path in (*QUERIED, *EVENTS) for what, query_string in NONSENSE.items()),
    *((path, what, query_string) for path in QUERIED for what, query_string in OF_QUERIES.items()),
    *((path, what, query_string) for path, each in OF_ONE.items() for what, query_string in each.items()),
]


async def test_invalid_parameters_are_rejected_with_the_value_and_the_way_out(past: Past) -> None:
    for path, what, query_string in WRONG:
        answer = await past.get(path, query_string)
        message = f"{path[:40]}: {what}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code == 400, message
        assert answer.headers["content-type"] == "application/problem+json", message
        assert answer.json()["status"] == 400, message
        assert 20 < len(answer.json()["detail"]) < 600, message


async def test_problems_are_the_same_in_every_language_of_the_interface(past: Past) -> None:
    """Programs compare them; the message of a missing property is one that pages show as well."""
    missing = f"/api/v1/properties/{UUID(int=1)}/totals"
    headers = {"Authorization": f"Bearer {past.key}"}
    requests = [lambda: past.client.get(missing, headers=headers), lambda: past.get("/totals", "period=fortnight")]
    before = [(await request()).text for request in requests]
    with pseudo_language():
        assert [(await request()).text for request in requests] == before
        assert str(PropertyNotFound(UUID(int=1))).startswith("⟦")
    assert "It may have been deleted." in before[0]


CANARY = "canary"
ATTEMPTS = (
    "x'); CREATE TABLE canary (x INTEGER); --",
    'x"); CREATE TABLE canary (x INTEGER); $$',
    "x' UNION SELECT token_hash FROM api_key --",
)


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_sql_in_any_parameter_is_treated_as_text(past: Past, attempt: str) -> None:
    before, written = await past.json("/totals", "period=12mo"), quote(attempt, safe="")
    filters = [f"{written}", f"{written}:is:x", f"page:{written}:x", f"data.{written}:is:x"]
    filters += [f"{dimension}:is:{written}" for dimension in (*HIT_DIMENSIONS, *SESSION_DIMENSIONS, "data.plan")]
    filters += [f"page:{operator}:{written}" for operator in Operator]
    filters += [f"data.{written}:{operator}:{written}" for operator in Operator]
    query_string = [f"filter={one}" for one in filters]
    names = ("period", "from", "timezone", "audience", "search", "sort", "order", "limit", "offset", "metric")
    query_string += [f"{name}={written}" for name in names] + [f"from=2026-01-01&to={written}", f"{written}=1"]
    answers = [await past.get("/breakdown/page", one) for one in query_string]
    answers += [await past.get("/timeline", f"{name}={written}") for name in ("compare", "interval", "metric")]
    answers += [await past.get("/events.csv", f"{name}={written}") for name in ("period", "from", "timezone")]
    paths = (f"/breakdown/{written}", f"/breakdown/data.{written}", f"/{written}", f"/events.{written}")
    answers += [await past.get(path) for path in paths]
    answers += [await past.get("/totals", key=written), await past.client.get(f"/api/v1/properties/{written}/totals")]
    for answer in answers:
        assert answer.status_code in {200, 400, 401, 404}, answer.text
        assert answer.status_code == 200 or answer.headers["content-type"] == "application/problem+json"
    names = ("query", "metrics", "custom_events", "bots")
    assert [(await past.json("/totals", "period=12mo"))[name] for name in names] == [before[name] for name in names]
    assert tables(past) == TABLES


TABLES = {"event", "session", "position", "left_out", "compaction"}


def tables(past: Past) -> set[str]:
    """Returns the warehouse's tables, and checks that storage has no canary either."""
    with past.filled.database.engine.connect() as storage:
        tables_left = set(storage.scalars(text("SELECT name FROM sqlite_master")))
    assert {"event", "property", "api_key"} <= tables_left
    assert not any(CANARY in name for name in tables_left)
    with past.filled.warehouse.read() as connection:
        return set(connection.scalars(text("SELECT table_name FROM information_schema.tables")))
