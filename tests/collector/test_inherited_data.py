"""Events of an array that inherit the data of the event before them."""

from __future__ import annotations

import pytest

from tests.collector.conftest import MakeHarness
from tests.support.collector_ports import PROPERTY

URL_WITH_ID = "/a?gclid=secret"
ALTERED = {
    "a click's text": ({"event": "click", "data": {"text": "x" * 500}}, {}),
    "a click's text that is not kept": ({"event": "click", "data": {"text": "Buy"}}, {"keeps_click_text": False}),
    "a click id": ({"event": "page_view", "data": {"url": URL_WITH_ID}}, {}),
    "a user id": ({"event": "page_view", "data": {"url": "/a"}, "user_id": "ada"}, {"is_cookieless": True}),
    "a list": ({"event": "click", "data": {"text": "Buy", "list": [1]}}, {"keeps_click_text": False}),
}


@pytest.mark.parametrize("case", ALTERED)
async def test_an_event_that_inherits_is_stored_as_if_it_had_been_sent_whole(
    make_harness: MakeHarness, case: str
) -> None:
    """The pipeline changes the data of one event; the next one inherits what was sent."""
    first, rules = ALTERED[case]
    stored = []
    for second in ({"event": "signup"}, {**first, "collectorId": str(PROPERTY), "event": "signup"}):
        harness = make_harness()
        harness.directory.set(**rules)
        assert (await harness.send([{**first, "collectorId": str(PROPERTY)}, second])).status_code == 204
        stored.append([(event.event, event.data, event.page, event.click_id) for event in harness.sink.events])
    assert stored[0] == stored[1]
