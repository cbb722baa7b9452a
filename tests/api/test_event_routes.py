"""POST /api/v1/events: who may send, what each event gets as an answer, and what is stored."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from collector.errors import StoreUnavailable
from proprium.accounts import api_keys, users
from proprium.properties import access
from proprium.properties.service import update_settings
from proprium.storage.tables import PropertyRole
from tests.api.conftest import Api
from tests.support.builders import CHROME, GOOGLEBOT, a_property, a_user

ORDER = {"event": "order", "data": {"amount": 49}}


def is_problem(answer: httpx.Response, status: int) -> bool:
    body = answer.json()
    kind = answer.headers["content-type"]
    return (answer.status_code, body["status"], kind) == (status, status, "application/problem+json")


async def test_an_event_of_the_past_is_on_disk_when_it_is_answered(api: Api) -> None:
    sent = {**ORDER, "id": str(uuid4()), "timestamp": "2026-01-31T09:00:00Z", "ip": "192.0.2.7", "user_agent": CHROME}
    answer = await api.send(sent)
    assert answer.status_code == 200
    counts = {"stored": 1, "duplicate": 0, "dropped": 0, "rejected": 0}
    assert answer.json() == {**counts, "results": [{"result": "stored", "id": sent["id"]}]}
    [stored] = api.stored()
    assert stored.created_at.isoformat() == "2026-01-31T09:00:00+00:00"
    assert (stored.browser, stored.data) == ("Chrome", {"amount": 49, "user_agent": CHROME})
    assert "192.0.2.7" not in repr(stored)


async def test_a_server_that_passes_its_browser_s_headers_on_keeps_its_users(api: Api) -> None:
    """A program says itself who its users are; what its own request carries is no visitor's wish."""
    sent = {**ORDER, "user_id": "ada", "user_agent": CHROME}
    answer = await api.client.post(
        "/api/v1/events", json=sent, headers={"Authorization": f"Bearer {api.key}", "Sec-GPC": "1", "DNT": "1"}
    )
    assert answer.status_code == 200
    [stored] = api.stored()
    assert stored.data["user_id"] == "ada"


async def test_each_of_a_thousand_events_has_its_own_answer(api: Api) -> None:
    update_settings(api.database, api.property.id, hostnames=["example.com"], discards_bots=True)
    api.collector_parts.rules_cache.refresh()
    same = {**ORDER, "id": str(uuid4())}
    odd = [same, same, {**ORDER, "data": {"hostname": "evil.example"}}, {**ORDER, "user_agent": GOOGLEBOT}, {"a": 1}]
    body = (await api.send([*odd, *[ORDER] * 995])).json()
    assert [item["result"] for item in body["results"][:6]] == [
        "stored",
        "duplicate",
        "dropped",
        "dropped",
        "rejected",
        "stored",
    ]
    assert [item.get("reason") for item in body["results"][2:4]] == ["hostname", "bot"]
    assert body["results"][4]["detail"].startswith("event is missing")
    assert (body["stored"], body["duplicate"], body["dropped"], body["rejected"]) == (996, 1, 2, 1)
    assert len(api.stored()) == 996


async def test_without_a_key_with_a_wrong_one_and_with_one_that_reads_nothing_is_taken(api: Api) -> None:
    reader = api_keys.create(api.database, "reader", property_id=api.property.id)
    for key, status in (("", 401), ("proprium_nonsense", 401), (reader, 403)):
        answer = await api.send(ORDER, key)
        assert is_problem(answer, status)
        assert ("www-authenticate" in answer.headers) == (status == 401)
    assert is_problem(await api.client.post("/api/v1/events", json=ORDER), 401)
    assert is_problem(await api.client.post("/api/v1/events", json=ORDER, headers={"Authorization": "Basic eA=="}), 401)
    assert api.collector_parts.counters.rejected == {401: 4, 403: 1}
    assert api.stored() == []


async def test_a_revoked_key_is_out_at_once(api: Api) -> None:
    [key] = api_keys.list_keys(api.database)
    api_keys.revoke(api.database, key.id)
    assert is_problem(await api.send(ORDER), 401)


async def test_a_propertys_key_sends_to_that_property_only(api: Api) -> None:
    other = a_property(api.database, "Other")
    answer = await api.send([ORDER, {**ORDER, "collectorId": str(other.id)}, {**ORDER, "collectorId": str(uuid4())}])
    body = answer.json()["results"]
    assert [item["result"] for item in body] == ["stored", "rejected", "rejected"]
    assert {item["status"] for item in body[1:]} == {404}
    assert [event.property for event in api.stored()] == [api.property.id]


async def test_a_users_key_sends_to_what_they_may_edit_and_no_further_than_they_may_themselves(api: Api) -> None:
    ada = a_user(api.database)
    mine, public = a_property(api.database, "Mine", ada), a_property(api.database, "Public")
    update_settings(api.database, public.id, is_public=True)
    key = api_keys.create(api.database, "mine", user_id=ada.id, may_write=True)
    api.collector_parts.rules_cache.refresh()
    sent = [{**ORDER, "collectorId": str(item.id)} for item in (mine, public, api.property)]
    body = (await api.send(sent, key)).json()["results"]
    assert [item["result"] for item in body] == ["stored", "rejected", "rejected"]
    foreign = api_keys.create(api.database, "foreign", user_id=ada.id, property_id=public.id, may_write=True)
    assert is_problem(await api.send(ORDER, foreign), 400)
    users.remove(api.database, ada.email)
    assert is_problem(await api.send(sent, key), 401)


async def test_a_viewers_key_may_not_send(api: Api) -> None:
    viewer = a_user(api.database)
    theirs = a_property(api.database, "Theirs")
    access.grant(api.database, theirs.id, viewer.id, PropertyRole.VIEWER)
    key = api_keys.create(api.database, "theirs", user_id=viewer.id, may_write=True)
    assert is_problem(await api.send({**ORDER, "collectorId": str(theirs.id)}, key), 400)


async def test_when_not_one_could_be_read_it_is_an_error_with_the_first_reason(api: Api) -> None:
    answer = await api.send([{"event": ""}, 7])
    assert is_problem(answer, 400)
    assert "event is" in answer.json()["detail"]
    assert [item["result"] for item in answer.json()["results"]] == ["rejected", "rejected"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"7", 400), (b" " * 4_200_000, 413), (b"[" + b"{}," * 1000 + b"{}]", 400)],
)
async def test_a_body_that_cannot_be_read_is_a_problem_that_says_what_was_expected(
    api: Api, body: bytes, status: int
) -> None:
    answer = await api.send(body)
    assert is_problem(answer, status)
    assert "expected" in answer.json()["detail"] or "JSON" in answer.json()["detail"]


async def test_a_store_that_refuses_is_503_and_may_be_asked_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(events: object) -> None:
        raise StoreUnavailable("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(api.collector_parts.event_store, "append", full)
        answer = await api.send([ORDER, ORDER])
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"
    assert (await api.send([ORDER, ORDER])).json()["stored"] == 2


@pytest.mark.parametrize(("path", "status"), [("/api/v1/nothing", 404), ("/api/v1/events", 405)])
async def test_what_is_not_there_is_a_problem_for_browsers_too(api: Api, path: str, status: int) -> None:
    assert is_problem(await api.client.get(path, headers={"Accept": "text/html"}), status)
