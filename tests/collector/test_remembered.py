"""What the collector remembers of texts that anybody may send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collector import acquisition, client_address, known_fields, parse, user_agent
from collector.bounded_cache import LONGEST, remembered
from proprium.warehouse.projection import event_rows, exclusions

LONG = "x" * (LONGEST + 1)


def test_a_short_text_is_asked_about_once_and_a_long_one_each_time() -> None:
    asked = []

    @remembered(10)
    def length(text: str, more: str = "") -> int:
        asked.append(text)
        return len(text + more)

    assert [length("short"), length("short"), length(LONG), length(LONG)] == [5, 5, LONGEST + 1, LONGEST + 1]
    assert [length("short", LONG), length("short", more="er")] == [LONGEST + 6, 7]
    assert asked == ["short", LONG, LONG, "short", "short"]


@pytest.mark.parametrize(
    ("ask", "arguments"),
    [
        (known_fields.page_and_host, (f"https://example.com/{LONG}", ("q",))),
        (acquisition.host_of, (f"https://example.com/{LONG}",)),
        (acquisition.referrer_host, (f"https://example.com/{LONG}", "example.com")),
        (acquisition._source_and_channel, ("", "", "", LONG)),
        (acquisition.known_source, (LONG,)),
        (parse.uuid_of, (LONG,)),
        (client_address.normal, (LONG,)),
        (event_rows.sender_of, (LONG,)),
        (exclusions.pattern_of, (("/*",), LONG)),
        (exclusions._is_path, (("/*",), LONG)),
        (exclusions._is_user_agent, (("curl",), LONG)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_long_texts_of_senders_do_not_stay_in_memory(ask: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    before = ask.cache_info().currsize  # type: ignore[attr-defined]
    ask(*arguments)
    assert ask.cache_info().currsize == before  # type: ignore[attr-defined]


def test_user_agents_are_cut_before_they_are_remembered() -> None:
    end = user_agent.LONGEST
    user_agent.classify("y" * end + "1")
    hits = user_agent._classified.cache_info().hits
    user_agent.classify("y" * end + "2")
    assert user_agent._classified.cache_info().hits == hits + 1
