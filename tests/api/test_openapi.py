"""OpenAPI schema and reference page, and whether the API behaves as they say."""

from __future__ import annotations

import re
from collections import Counter
from uuid import UUID

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from proprium.accounts import api_keys
from proprium.server.collector_app import CollectorParts
from proprium.storage.database import Database
from tests.api.conftest import NOW, Api, app_of
from tests.support.warehouse_fixture import FilledWarehouse


async def test_openapi_names_the_key_the_body_and_every_answer(api: Api) -> None:
    schema = (await api.client.get("/api/v1/openapi.json")).json()
    assert schema["servers"] == [{"url": "/api/v1"}]
    operation = schema["paths"]["/events"]["post"]
    assert operation["security"] == [{"HTTPBearer": []}]
    assert set(operation["responses"]) == {"200", "400", "401", "403", "413", "429", "503"}
    event = schema["components"]["schemas"]["Event"]["properties"]
    assert set(event) == {"event", "collectorId", "data", "id", "user_id", "timestamp", "ip", "user_agent"}
    assert all(field["description"] for name, field in event.items())
    for name in ("user_id", "ip"):  # how far a visitor without user_id can be told from others
        assert {"/24", "/48"} <= set(re.findall(r"/\d\d", event[name]["description"])), name


async def test_the_reference_page_has_every_field_and_loads_nothing_from_other_hosts(api: Api) -> None:
    page = await api.client.get("/api/v1/docs")
    schema = (await api.client.get("/api/v1/openapi.json")).json()
    for field in schema["components"]["schemas"]["Event"]["properties"]:
        assert f"<code>{field}</code>" in page.text
    assert "POST http://localhost:8000/api/v1/events" in page.text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//(?!localhost:8000/)""", page.text)


READS = {
    "/properties",
    "/properties/{property_id}",
    *(f"/properties/{{property_id}}/{name}" for name in ("totals", "timeline", "breakdown/{dimension}", "live")),
    *(f"/properties/{{property_id}}/events.{kind}" for kind in ("csv", "jsonl", "parquet")),
}


MANAGED = {
    *(f"/properties/{{property_id}}/{name}" for name in ("settings", "members", "members/{email}", "transfer")),
    *("/users", "/users/{email}", "/users/invitations", "/users/invitations/{invitation_id}"),
    *(f"/properties/{{property_id}}/{name}{rest}" for name in ("goals", "segments") for rest in ("", "/{name}")),
}


async def test_openapi_describes_every_field(api: Api) -> None:
    schema = (await api.client.get("/api/v1/openapi.json")).json()
    assert set(schema["paths"]) == READS | MANAGED | {"/events"}
    for path in MANAGED:
        for operation in schema["paths"][path].values():
            assert operation["security"] == [{"HTTPBearer": []}]
            assert {"400", "401", "403", "404", "429"} <= set(operation["responses"])
            assert all(one["description"] for one in operation.get("parameters", ()))
    settings_fields = schema["components"]["schemas"]["PropertySettings"]["properties"]
    assert [name for name, field in settings_fields.items() if name != "name" and not field.get("description")] == []
    for path in READS:
        operation = schema["paths"][path]["get"]
        assert operation["security"] == [{"HTTPBearer": []}]
        assert {"200", "400", "401", "429"} <= set(operation["responses"])
        assert operation["description"]
        assert all(one["description"] for one in operation.get("parameters", ()))
    schemas = schema["components"]["schemas"]
    assert "unit" in schemas["Number"]["properties"]
    names = [
        one["name"] for one in schema["paths"]["/properties/{property_id}/breakdown/{dimension}"]["get"]["parameters"]
    ]
    assert names[:6] == ["property_id", "dimension", "period", "from", "to", "timezone"]
    page = (await api.client.get("/api/v1/docs")).text
    for name in (*names, "share_percent", "is_running", "http://localhost:8000/api/v1/properties/{property_id}/totals"):
        assert name in page


def test_responses_conform_to_the_schema(
    database: Database, collector_parts: CollectorParts, warehouse: FilledWarehouse
) -> None:
    """Requests that the schema allows may still be rejected, such as a period that ends before it starts.

    Valid events beside an invalid one are stored.
    """
    property_ = warehouse.property
    key = api_keys.create(database, "schemathesis", property_id=property_.id, may_write=True)
    app = app_of(warehouse, collector_parts, NOW, reads_per_minute=100_000)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    query_string: Counter[str] = Counter()

    def ask(case: schemathesis.Case) -> None:
        if is_an_id(case.path_parameters.get("property_id")):
            case.path_parameters["property_id"] = str(property_.id)
        query_string[case.path] += 1
        rest = (
            [positive_data_acceptance] if case.method == "GET" else [positive_data_acceptance, negative_data_rejection]
        )
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=rest)

    for operation in (result.ok() for result in schema.get_all_operations()):
        cases = operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE)
        quick(8 if operation.method == "get" else 40)(given(case=cases)(ask))()
    assert set(query_string) == READS | MANAGED | {"/events"}
    assert collector_parts.counters.received >= 40


def quick(count: int) -> settings:
    checks = list(HealthCheck)
    return settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=checks, phases=[Phase.generate]
    )


def is_an_id(text: object) -> bool:
    try:
        return bool(UUID(str(text)))
    except ValueError:
        return False
