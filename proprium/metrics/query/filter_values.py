"""Spellings of filter values: a filter finds its rows in whichever spelling it is written."""

from __future__ import annotations

import re
from dataclasses import replace

from collector.url_normalisation import PageRules, canonical_page, normalise_host, normalise_page
from proprium.metrics.query.filters import Filter, Operator

_PAGE_DIMENSIONS = {"page", "event_page", "bot_page", "entry_page", "exit_page", "section"}
_HOST_DIMENSIONS = {"hostname", "referrer"}
_FOLDED_DIMENSIONS = {"utm_source", "utm_medium"}
_WHOLE_NUMBER_PATTERN = re.compile(r"(-?\d+)\.0+", re.ASCII)
_PARTIAL_OPERATORS = {Operator.CONTAINS, Operator.NOT_CONTAINS}


def with_all_spellings(filter_: Filter, page_rules: PageRules) -> Filter:
    """Returns the filter with its values as the warehouse spells them; several for one value where it may have both."""
    spellings = [_spellings(filter_, value, page_rules) if value else [value] for value in filter_.values]
    return replace(filter_, values=tuple(dict.fromkeys(text for texts in spellings for text in texts)))


def _spellings(filter_: Filter, value: str, page_rules: PageRules) -> list[str]:
    dimension, operator = filter_.dimension, filter_.operator
    if dimension in _PAGE_DIMENSIONS:
        if operator in _PARTIAL_OPERATORS:
            return [value, normalise_page(value)]
        if operator is not Operator.MATCHES or not value.endswith("*"):
            return [canonical_page(value, page_rules)]
        pattern = canonical_page(value)
        # Where /about/ is /about, a pattern for what is below it matches it as well.
        return (
            [pattern, pattern[:-2]] if page_rules.merges_trailing_slashes and pattern[1:].endswith("/*") else [pattern]
        )
    if dimension in _HOST_DIMENSIONS:
        host = normalise_host(value)
        return [host] if operator in _PARTIAL_OPERATORS else [host.removeprefix("www.")]
    if dimension in _FOLDED_DIMENSIONS:
        return [value.lower()]
    if dimension == "source":  # a name of ours, a host or a utm_source
        return [value, value.lower(), normalise_host(value)]
    if filter_.data_key is not None and (match := _WHOLE_NUMBER_PATTERN.fullmatch(value)):
        return [value, str(int(match[1]))]
    return [value]
