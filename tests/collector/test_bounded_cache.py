"""Caches of texts that senders choose are bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collector import acquisition, client_address, known_fields, parse, url_normalisation, user_agent
from collector.bounded_cache import MAX_CACHED_TEXT_LENGTH, bounded_lru_cache
from proprium.warehouse.projection import event_rows, exclusions

LONG = "x" * (MAX_CACHED_TEXT_LENGTH + 1)


def test_short_texts_are_cached_and_long_ones_are_not() -> None:
    calls = []

    @bounded_lru_cache(10)
    def length(text: str, more: str = "") -> int:
        calls.append(text)
        return len(text + more)

    assert [length("short"), length("short"), length(LONG), length(LONG)] == [
        5,
        5,
        MAX_CACHED_TEXT_LENGTH + 1,
        MAX_CACHED_TEXT_LENGTH + 1,
    ]
    assert [length("short", LONG), length("short", more="er")] == [MAX_CACHED_TEXT_LENGTH + 6, 7]
    assert calls == ["short", LONG, LONG, "short", "short"]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (known_fields.page_and_host, (f"https://example.com/{LONG}", ("q",))),
        (acquisition.host_of, (f"https://example.com/{LONG}",)),
        (acquisition.referrer_host, (f"https://example.com/{LONG}", "example.com")),
        (acquisition.source_and_channel, ("", "", "", LONG)),
        (acquisition.known_source, (LONG,)),
        (parse.parse_uuid, (LONG,)),
        (client_address.canonical_ip, (LONG,)),
        (event_rows.agent_info, (LONG,)),
        (url_normalisation.canonical_page, (LONG,)),
        (url_normalisation.normalise_host, (LONG,)),
        (exclusions.grouped_page, (("/*",), LONG)),
        (exclusions._matches_path, (("/*",), LONG, url_normalisation.PageRules())),
        (exclusions._matches_user_agent, (("curl",), LONG)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_long_texts_of_senders_are_not_cached(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    before = function.cache_info().currsize  # type: ignore[attr-defined]
    function(*arguments)
    assert function.cache_info().currsize == before  # type: ignore[attr-defined]


def test_user_agents_are_truncated_before_they_are_cached() -> None:
    end = user_agent.MAX_PARSED_LENGTH
    user_agent.classify("y" * end + "1")
    hits = user_agent._classify_cached.cache_info().hits
    user_agent.classify("y" * end + "2")
    assert user_agent._classify_cached.cache_info().hits == hits + 1
