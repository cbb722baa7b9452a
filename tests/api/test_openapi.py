"""What the API says of itself: for programs, for people, and whether it is true."""

from __future__ import annotations

import re

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from proprium.accounts import keys
from proprium.collect_app import Ingestion
from proprium.storage.database import Database
from tests.api.conftest import Api
from tests.make import a_property


async def test_openapi_names_the_key_the_body_and_every_answer(api: Api) -> None:
    told = (await api.client.get("/api/v1/openapi.json")).json()
    assert told["servers"] == [{"url": "/api/v1"}]
    operation = told["paths"]["/events"]["post"]
    assert operation["security"] == [{"HTTPBearer": []}]
    assert set(operation["responses"]) == {"200", "400", "401", "403", "413", "503"}
    event = told["components"]["schemas"]["Event"]["properties"]
    assert set(event) == {"event", "collectorId", "data", "id", "user_id", "timestamp", "ip", "user_agent"}
    assert all(field["description"] for name, field in event.items())


async def test_the_page_for_people_tells_the_same_and_loads_nothing_from_elsewhere(api: Api) -> None:
    page = await api.client.get("/api/v1/docs")
    told = (await api.client.get("/api/v1/openapi.json")).json()
    for field in told["components"]["schemas"]["Event"]["properties"]:
        assert f"<code>{field}</code>" in page.text
    assert "POST http://localhost:8000/api/v1/events" in page.text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//(?!localhost:8000/)""", page.text)


def test_it_answers_as_it_says_whatever_is_asked(app: FastAPI, database: Database, doors: Ingestion) -> None:
    """Not asked: that a body which breaks the schema is refused. Events that are right beside it are taken."""
    made = a_property(database)
    key = keys.create(database, "schemathesis", property_id=made.id, may_write=True)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    operation, asked = schema["/events"]["POST"], 0

    @settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(case=operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
    def ask(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(
            headers={"Authorization": f"Bearer {key}"},
            excluded_checks=[negative_data_rejection, positive_data_acceptance],
        )

    ask()
    assert asked >= 60
    assert doors.collector.counters.received >= 60
